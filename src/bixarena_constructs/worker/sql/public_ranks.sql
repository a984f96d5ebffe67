-- The ranks of the board that the site showed last: the newest public one, ignoring the future.
SELECT entry.model_id::text, entry.rank
FROM api.leaderboard_entry AS entry
WHERE entry.snapshot_id = (
    SELECT id
    FROM api.leaderboard_snapshot
    WHERE leaderboard_id = %(leaderboard_id)s
        AND visibility = 'public'
        AND created_at <= statement_timestamp() + %(ahead)s
    ORDER BY created_at DESC
    LIMIT 1
);
