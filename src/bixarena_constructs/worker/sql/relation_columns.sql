-- The columns of a relation, asked in a way that every server understands.
SELECT * FROM {relation} LIMIT 0;
