-- The cells of a relation, those of one key added up. Of a key with a row that is no count, what that
-- row says: the leaderboard then fails with it. Plain SQL, for servers that know no more.
SELECT leaderboard, model_a, model_b, outcome,
       CASE
           WHEN count(votes) < count(*) THEN NULL
           WHEN min(votes) < 1 THEN min(votes)
           ELSE sum(votes)
       END AS votes
FROM {relation}
WHERE {leaderboard} IS NULL OR leaderboard = {leaderboard}
GROUP BY leaderboard, model_a, model_b, outcome;
