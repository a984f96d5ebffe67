-- One writer of a leaderboard at a time, whatever time it publishes for. A lock of the transaction: a
-- lock of the session would survive a rollback.
SELECT pg_advisory_xact_lock(hashtextextended('bixarena-worker:' || %(leaderboard_id)s, 0));
