-- As relation_cells.sql, but also by voter. Voters are numbered here: no key of a voter leaves the server.
SELECT leaderboard, model_a, model_b, outcome, votes,
       CASE WHEN voter IS NOT NULL THEN dense_rank() OVER (ORDER BY voter) END AS voter
FROM (
    SELECT leaderboard, model_a, model_b, outcome, voter,
           CASE
               WHEN count(votes) < count(*) THEN NULL
               WHEN min(votes) < 1 THEN min(votes)
               ELSE sum(votes)
           END AS votes
    FROM {relation}
    WHERE {leaderboard} IS NULL OR leaderboard = {leaderboard}
    GROUP BY leaderboard, model_a, model_b, outcome, voter
) AS cell;
