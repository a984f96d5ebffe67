-- Every leaderboard, to tell votes of one that does not exist.
SELECT slug FROM api.leaderboard;
