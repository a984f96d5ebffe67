-- The snapshot of this time, if it exists, and the newest public one. A snapshot whose identifier does
-- not have the worker's form is ordered by its date. Identifiers and dates in the future are ignored.
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
       -- The site shows the public one with the latest date, however far in the future that is.
       (array_agg(snapshot_identifier ORDER BY created_at DESC)
           FILTER (WHERE visibility = 'public' AND created_at > horizon.moment))[1]
           AS shown_instead
FROM horizon LEFT JOIN placed ON true;
