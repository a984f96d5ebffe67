-- The board that the site shows now.
SELECT entry.model_id::text, entry.rank
FROM api.leaderboard_entry AS entry
WHERE entry.snapshot_id = (
    SELECT id
    FROM api.leaderboard_snapshot
    WHERE leaderboard_id = %(leaderboard_id)s AND visibility = 'public'
    ORDER BY created_at DESC
    LIMIT 1
);
