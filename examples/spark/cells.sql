-- Counts votes into the cells of a board of all votes and of one for each category, in one pass.
-- A voter's key becomes a number, which says nothing about the person.
WITH numbered AS (
    SELECT voter, ROW_NUMBER() OVER (ORDER BY voter) AS voter_number
    FROM (SELECT DISTINCT voter FROM votes WHERE voter IS NOT NULL) AS voters
)
SELECT
    CASE WHEN GROUPING(category) = 1 THEN 'overall' ELSE category END AS leaderboard,
    model_a,
    model_b,
    CASE winner WHEN 'tie (bothbad)' THEN 'tie' ELSE winner END AS outcome,
    voter_number AS voter,
    COUNT(*) AS votes
FROM votes
LEFT JOIN numbered ON votes.voter = numbered.voter
GROUP BY GROUPING SETS (
    (model_a, model_b, winner, voter_number),
    (category, model_a, model_b, winner, voter_number)
)
