-- Models, numbered in the order of models.sql, and the categories of battles; is_first marks the row by
-- which overall counts a battle once.
WITH model AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS number
    FROM api.model
),
tag AS (
    SELECT categorization_id,
           category,
           row_number() OVER (PARTITION BY categorization_id ORDER BY category) = 1 AS is_first
    FROM api.battle_categorization_category
    WHERE 'overall' = ANY (%(slugs)s) OR category = ANY (%(slugs)s)
),
