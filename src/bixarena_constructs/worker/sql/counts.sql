-- What each leaderboard is ranked by: for every pair of models, how often either won and how
-- often they tied. One pass over the battles gives overall and all categories.
--
-- A battle counts with an evaluation and an effective validation that says it is biomedical. It
-- counts for the categories of its effective categorization if that one is matched. So a battle
-- of three categories has three rows below; overall counts its first one.
WITH model AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS number
    FROM api.model
),
categorized AS (
    SELECT categorization.id,
           tag.category,
           row_number() OVER (PARTITION BY categorization.id ORDER BY tag.category) = 1 AS is_first
    FROM api.battle_categorization AS categorization
    JOIN api.battle_categorization_category AS tag ON tag.categorization_id = categorization.id
    WHERE categorization.status = 'matched'
),
vote AS (
    SELECT categorized.category,
           categorized.is_first IS NOT FALSE AS is_first,
           least(battle.model1_id, battle.model2_id) AS model_a,
           greatest(battle.model1_id, battle.model2_id) AS model_b,
           CASE
               WHEN battle.model1_id <= battle.model2_id THEN evaluation.outcome
               WHEN evaluation.outcome = 'model1' THEN 'model2'
               WHEN evaluation.outcome = 'model2' THEN 'model1'
               ELSE evaluation.outcome
           END AS outcome
    FROM api.battle
    JOIN api.battle_evaluation AS evaluation ON evaluation.battle_id = battle.id
    JOIN api.battle_validation AS validation
        ON validation.id = battle.effective_validation_id AND validation.is_biomedical
    LEFT JOIN categorized ON categorized.id = battle.effective_categorization_id
),
cell AS MATERIALIZED (
    SELECT category, model_a, model_b, outcome,
           count(*) AS votes,
           count(*) FILTER (WHERE is_first) AS votes_overall
    FROM vote
    GROUP BY category, model_a, model_b, outcome
),
board AS (
    SELECT category AS slug, model_a, model_b, outcome, votes
    FROM cell
    WHERE category IS NOT NULL AND category <> 'overall'
    UNION ALL
    SELECT 'overall', model_a, model_b, outcome, sum(votes_overall)::bigint
    FROM cell
    GROUP BY model_a, model_b, outcome
)
SELECT board.slug, first.number, second.number, board.outcome, board.votes
FROM board
JOIN model AS first ON first.id = board.model_a
JOIN model AS second ON second.id = board.model_b
WHERE board.slug = ANY (%(slugs)s) AND board.votes > 0
ORDER BY board.slug, first.number, second.number, board.outcome;
