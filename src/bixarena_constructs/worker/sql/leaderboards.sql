-- Every leaderboard, to recognise votes for one that does not exist.
SELECT slug FROM api.leaderboard;
