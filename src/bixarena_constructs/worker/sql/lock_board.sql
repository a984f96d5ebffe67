-- One writer of a leaderboard at a time, whatever time it publishes for. Of the transaction, not
-- the session: that kind would survive a rollback.
SELECT pg_advisory_xact_lock(hashtextextended('bixarena-worker:' || %(leaderboard_id)s, 0));
