-- Delete the public snapshots of a leaderboard beyond the newest ones, of which this run's is the
-- first. Those dated in the future neither count nor go.
DELETE FROM api.leaderboard_snapshot
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
