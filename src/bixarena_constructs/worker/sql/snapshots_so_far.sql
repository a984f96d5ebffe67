-- The snapshot of this time, if there is one, and how far the public ones have come. One whose
-- identifier has another form than ours is placed by when it was made.
SELECT (max(id::text) FILTER (WHERE snapshot_identifier = %(identifier)s))::uuid AS existing_id,
       max(visibility) FILTER (WHERE snapshot_identifier = %(identifier)s) AS existing_visibility,
       coalesce(
           max(
               CASE
                   WHEN snapshot_identifier ~ '^snapshot_\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2}$'
                       THEN snapshot_identifier
                   ELSE to_char(created_at AT TIME ZONE 'UTC', '"snapshot_"YYYY-MM-DD_HH24-MI-SS')
               END COLLATE "C"
           ) FILTER (WHERE visibility = 'public'),
           ''
       ) AS newest_public
FROM api.leaderboard_snapshot
WHERE leaderboard_id = %(leaderboard_id)s;
