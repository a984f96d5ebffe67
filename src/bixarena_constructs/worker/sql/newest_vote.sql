-- When the newest of the votes that count was cast: a validation that broke stops it, too.
SELECT max(evaluation.created_at)
\ir counting_battles.sql
;
