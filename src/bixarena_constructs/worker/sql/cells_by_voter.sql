-- As cells.sql, by voter as well. Voters are numbered here: no key of one leaves the database.
SELECT leaderboard, model_a, model_b, outcome,
       CASE
           WHEN count(votes) < count(*) THEN NULL
           WHEN min(votes) < 1 THEN min(votes)
           ELSE sum(votes)
       END AS votes,
       CASE WHEN voter IS NOT NULL THEN dense_rank() OVER (ORDER BY voter) END AS voter
FROM {relation}
WHERE CAST(%(leaderboard)s AS varchar(200)) IS NULL OR leaderboard = %(leaderboard)s
GROUP BY leaderboard, model_a, model_b, outcome, voter;
