-- The votes of counts_by_pair.sql by voter and outcome, for intervals that allow for one voter's votes
-- being alike. Voters are numbered here: no person's key leaves the database.
--
-- In COPY's binary format, six four-byte integers a row: position of the leaderboard among those
-- requested, voter, both models, outcome (0 and 1 for a win of the first or second model, 2 for a tie,
-- -1 for anything else), votes.
COPY (
\ir models_and_tags.sql
    cell AS MATERIALIZED (
        SELECT tag.category,
               tag.is_first IS NOT FALSE AS is_first,
               -- A battle without a voter counts as a voter of its own.
               coalesce(battle.user_id, battle.id) AS voter,
               battle.model1_id AS model_a,
               battle.model2_id AS model_b,
               CASE evaluation.outcome
                   WHEN 'model1' THEN 0
                   WHEN 'model2' THEN 1
                   WHEN 'tie' THEN 2
                   ELSE -1
               END AS outcome,
               count(*) AS votes
\ir battles_by_category.sql
        GROUP BY 1, 2, 3, 4, 5, 6
    ),
    voter AS (
        SELECT id, row_number() OVER (ORDER BY id) - 1 AS number
        FROM (SELECT DISTINCT voter AS id FROM cell) AS known
    ),
    board AS (
        SELECT category AS slug, voter, model_a, model_b, outcome, votes
        FROM cell
        WHERE category <> 'overall'
        UNION ALL
        SELECT 'overall', voter, model_a, model_b, outcome, votes
        FROM cell
        WHERE is_first
    )
    SELECT array_position(%(slugs)s::text[], board.slug::text)::int4 - 1,
           voter.number::int4, first.number::int4, second.number::int4,
           outcome::int4, votes::int4
    FROM board
    JOIN voter ON voter.id = board.voter
    JOIN model AS first ON first.id = board.model_a
    JOIN model AS second ON second.id = board.model_b
    WHERE board.slug = ANY (%(slugs)s)
    ORDER BY 1
) TO STDOUT (FORMAT BINARY);
