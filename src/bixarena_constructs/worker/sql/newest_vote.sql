-- When the newest of the votes that count was cast: if validation breaks, this stops too. Ignores dates
-- in the future and dates that no vote can have.
SELECT max(evaluation.created_at)::timestamptz
\ir battles_that_count.sql
WHERE evaluation.created_at BETWEEN '1000-01-01' AND statement_timestamp() + %(ahead)s;
