-- Show or hide the snapshots of one time. Of the public ones, the site shows the one made last.
UPDATE api.leaderboard_snapshot AS snapshot
SET visibility = %(visibility)s, updated_at = now()
FROM api.leaderboard AS board
WHERE board.id = snapshot.leaderboard_id
    AND snapshot.snapshot_identifier = %(identifier)s
    AND (%(slug)s::text IS NULL OR board.slug = %(slug)s)
    AND snapshot.visibility <> %(visibility)s
RETURNING board.slug;
