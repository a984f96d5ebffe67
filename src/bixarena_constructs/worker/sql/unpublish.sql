-- Hide a bad snapshot: the site falls back to the newest one that is still public.
UPDATE api.leaderboard_snapshot AS snapshot
SET visibility = 'private', updated_at = now()
FROM api.leaderboard AS board
WHERE board.id = snapshot.leaderboard_id
    AND snapshot.snapshot_identifier = %(identifier)s
    AND (%(slug)s::text IS NULL OR board.slug = %(slug)s)
    AND snapshot.visibility = 'public'
RETURNING board.slug;
