-- Every model, retired ones included: they keep their place. Their order numbers them in
-- counts.sql, which runs in the same transaction.
SELECT id::text, slug
FROM api.model
ORDER BY id;
