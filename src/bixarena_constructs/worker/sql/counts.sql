-- What each leaderboard is ranked by: for every pair of models, how often either won and how
-- often they tied. One pass over the battles gives overall and all categories.
--
-- A battle counts with an evaluation and an effective validation that says it is biomedical. It
-- counts for the categories of its effective categorization if that one is matched. So a battle
-- of three categories has three rows in vote; overall counts its first one.
WITH model AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS number
    FROM api.model
),
tag AS (
    SELECT categorization_id,
           category,
           row_number() OVER (PARTITION BY categorization_id ORDER BY category) = 1 AS is_first
    FROM api.battle_categorization_category
    WHERE 'overall' = ANY (%(slugs)s) OR category = ANY (%(slugs)s)
),
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
    FROM api.battle
    JOIN api.battle_evaluation AS evaluation ON evaluation.battle_id = battle.id
    JOIN api.battle_validation AS validation
        ON validation.id = battle.effective_validation_id AND validation.is_biomedical
    LEFT JOIN api.battle_categorization AS categorization
        ON categorization.id = battle.effective_categorization_id
        AND categorization.status = 'matched'
    LEFT JOIN tag ON tag.categorization_id = categorization.id
    -- Without overall, only the battles of the categories that are asked for.
    WHERE 'overall' = ANY (%(slugs)s) OR tag.category IS NOT NULL
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
