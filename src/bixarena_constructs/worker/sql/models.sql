-- Every model, including retired ones, which keep their place. The order numbers them as
-- models_and_tags.sql does, in the same transaction.
SELECT id::text, slug
FROM api.model
ORDER BY id;
