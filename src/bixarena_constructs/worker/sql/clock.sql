-- What time it is here, which dates every snapshot and by which the site shows the newest.
SELECT statement_timestamp();
