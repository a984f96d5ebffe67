-- Delete the public snapshots of a leaderboard beyond the newest ones.
DELETE FROM api.leaderboard_snapshot
WHERE leaderboard_id = %(leaderboard_id)s
    AND visibility = 'public'
    AND id NOT IN (
        SELECT id
        FROM api.leaderboard_snapshot
        WHERE leaderboard_id = %(leaderboard_id)s AND visibility = 'public'
        ORDER BY created_at DESC
        LIMIT %(keep)s
    );
