-- What each leaderboard is ranked by: for every pair of models, how often each won and how often they
-- tied. One pass over the battles serves overall and all categories: a battle of three categories has
-- three rows in vote, and overall counts the first of them.
\ir models_and_tags.sql
vote AS (
    SELECT tag.category,
           tag.is_first IS NOT FALSE AS is_first,
           least(battle.model1_id, battle.model2_id) AS model_a,
           greatest(battle.model1_id, battle.model2_id) AS model_b,
           CASE evaluation.outcome
               WHEN 'model1' THEN battle.model1_id
               WHEN 'model2' THEN battle.model2_id
           END AS winner,
           evaluation.outcome = 'tie' AS is_tie
\ir battles_by_category.sql
),
cell AS MATERIALIZED (
    SELECT category, is_first, model_a, model_b,
           count(*) FILTER (WHERE winner = model_a) AS wins_a,
           count(*) FILTER (WHERE winner = model_b AND model_a <> model_b) AS wins_b,
           count(*) FILTER (WHERE is_tie) AS ties,
           count(*) AS votes
    FROM vote
    GROUP BY category, is_first, model_a, model_b
),
board AS (
    SELECT category AS slug, model_a, model_b, wins_a, wins_b, ties, votes
    FROM cell
    WHERE category <> 'overall'
    UNION ALL
    SELECT 'overall', model_a, model_b, wins_a, wins_b, ties, votes
    FROM cell
    WHERE is_first
)
SELECT board.slug, first.number, second.number,
       sum(wins_a)::bigint, sum(wins_b)::bigint, sum(ties)::bigint, sum(votes)::bigint
FROM board
JOIN model AS first ON first.id = board.model_a
JOIN model AS second ON second.id = board.model_b
WHERE board.slug = ANY (%(slugs)s)
GROUP BY board.slug, first.number, second.number
ORDER BY board.slug, first.number, second.number;
