-- Hide the public snapshots of a leaderboard beyond the newest ones; this run's counts as the newest.
-- Snapshots dated in the future are neither counted nor hidden.
UPDATE api.leaderboard_snapshot
SET visibility = 'private', updated_at = now()
WHERE leaderboard_id = %(leaderboard_id)s
    AND visibility = 'public'
    AND created_at <= statement_timestamp() + %(ahead)s
    AND id NOT IN (
        SELECT id
        FROM api.leaderboard_snapshot
        WHERE leaderboard_id = %(leaderboard_id)s
            AND visibility = 'public'
            AND created_at <= statement_timestamp() + %(ahead)s
        ORDER BY id = %(snapshot_id)s DESC, created_at DESC
        LIMIT %(keep)s
    );
