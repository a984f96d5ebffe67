-- When the newest of the votes that count was cast: a validation that broke stops it, too. A date of
-- the future, or one that is no date of a vote, does not count.
SELECT max(evaluation.created_at)
\ir counting_battles.sql
WHERE evaluation.created_at BETWEEN '1000-01-01' AND statement_timestamp() + %(ahead)s;
