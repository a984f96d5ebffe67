-- The cells of a relation, with cells of the same key added up. If a row of a key has no valid number of
-- votes, its value is returned instead of the sum, and the leaderboard then fails with it. Plain SQL,
-- for servers that know no more.
SELECT leaderboard, model_a, model_b, outcome,
       CASE
           WHEN count(votes) < count(*) THEN NULL
           WHEN min(votes) < 1 THEN min(votes)
           ELSE sum(votes)
       END AS votes
FROM {relation}
WHERE {leaderboard} IS NULL OR leaderboard = {leaderboard}
GROUP BY leaderboard, model_a, model_b, outcome;
