-- The leaderboards, and whether each has the snapshot of this time already.
SELECT board.id, board.slug, snapshot.visibility
FROM api.leaderboard AS board
LEFT JOIN api.leaderboard_snapshot AS snapshot
    ON snapshot.leaderboard_id = board.id
    AND snapshot.snapshot_identifier = %(identifier)s
ORDER BY board.slug <> 'overall', board.slug;
