-- The privileges that the role lacks, and why. Only the catalogue is asked, so a table that does not
-- exist does not make the statement fail.
SELECT wanted.relation, wanted.field, wanted.privilege,
       CASE
           WHEN namespace.oid IS NULL THEN 'no schema'
           WHEN relation.oid IS NULL THEN 'no table'
           WHEN wanted.field <> '' AND attribute.attnum IS NULL THEN 'no column'
           ELSE 'no privilege'
       END AS reason
FROM unnest(%(relations)s::text[], %(fields)s::text[], %(privileges)s::text[])
    AS wanted (relation, field, privilege)
LEFT JOIN pg_namespace AS namespace ON namespace.nspname = 'api'
LEFT JOIN pg_class AS relation
    ON relation.relnamespace = namespace.oid AND relation.relname = wanted.relation
LEFT JOIN pg_attribute AS attribute
    ON attribute.attrelid = relation.oid
    AND attribute.attname = wanted.field
    AND NOT attribute.attisdropped
WHERE NOT coalesce(
    has_schema_privilege(namespace.oid, 'USAGE')
    AND CASE
        WHEN wanted.field = '' THEN has_table_privilege(relation.oid, wanted.privilege)
        ELSE has_column_privilege(relation.oid, attribute.attnum, wanted.privilege)
    END,
    false
)
ORDER BY wanted.relation, wanted.field, wanted.privilege;
