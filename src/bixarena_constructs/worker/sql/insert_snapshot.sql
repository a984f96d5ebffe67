-- Dated when the lock was acquired, not when the transaction began: the site shows the newest.
INSERT INTO api.leaderboard_snapshot
    (id, leaderboard_id, snapshot_identifier, description, visibility, created_at, updated_at)
SELECT %(id)s, %(leaderboard_id)s, %(identifier)s, %(description)s, %(visibility)s, moment, moment
FROM clock_timestamp() AS moment;
