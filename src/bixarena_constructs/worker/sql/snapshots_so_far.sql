-- The snapshot of this time, if there is one, and how far the public ones have come. One whose
-- identifier has another form than ours is placed by when it was made. The future does not count:
-- neither an identifier nor a date of it.
WITH horizon AS (
    SELECT moment, to_char(moment AT TIME ZONE 'UTC', '"snapshot_"YYYY-MM-DD_HH24-MI-SS') AS place
    FROM (SELECT statement_timestamp() + %(ahead)s AS moment) AS future
),
placed AS (
    SELECT id, snapshot_identifier, visibility, created_at,
           CASE
               WHEN snapshot_identifier ~ '^snapshot_\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2}$'
                   THEN snapshot_identifier
               WHEN created_at <= horizon.moment
                   THEN to_char(created_at AT TIME ZONE 'UTC', '"snapshot_"YYYY-MM-DD_HH24-MI-SS')
           END COLLATE "C" AS place
    FROM api.leaderboard_snapshot, horizon
    WHERE leaderboard_id = %(leaderboard_id)s
)
SELECT (max(id::text) FILTER (WHERE snapshot_identifier = %(identifier)s))::uuid AS existing_id,
       max(visibility) FILTER (WHERE snapshot_identifier = %(identifier)s) AS existing_visibility,
       coalesce(
           max(placed.place) FILTER (WHERE visibility = 'public' AND placed.place <= horizon.place),
           ''
       ) AS newest_public,
       -- The site shows the public one that was made last, if that is ever so far ahead.
       (array_agg(snapshot_identifier ORDER BY created_at DESC)
           FILTER (WHERE visibility = 'public' AND created_at > horizon.moment))[1]
           AS shown_instead
FROM horizon LEFT JOIN placed ON true;
