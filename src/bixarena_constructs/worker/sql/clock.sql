-- The time of this server, which dates every snapshot; the site shows the newest.
SELECT statement_timestamp();
