-- The leaderboards; for each, whether it already has the snapshot of this time, and which snapshot the
-- site showed last: the newest public one, ignoring the future.
SELECT board.id, board.slug, snapshot.visibility AS existing, shown.snapshot_identifier AS shown
FROM api.leaderboard AS board
LEFT JOIN api.leaderboard_snapshot AS snapshot
    ON snapshot.leaderboard_id = board.id
    AND snapshot.snapshot_identifier = %(identifier)s
LEFT JOIN LATERAL (
    SELECT snapshot_identifier
    FROM api.leaderboard_snapshot
    WHERE leaderboard_id = board.id
        AND visibility = 'public'
        AND created_at <= statement_timestamp() + %(ahead)s
    ORDER BY created_at DESC
    LIMIT 1
) AS shown ON true
ORDER BY board.slug <> 'overall', board.slug;
