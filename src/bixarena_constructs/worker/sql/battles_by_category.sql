-- The battles that count, with a row for each category of a battle whose effective categorization is
-- matched, and one row without a category for any other battle. If overall is not asked for, only the
-- battles of the requested categories.
--
-- A battle without a categorization is joined by its own id, which none has: PostgreSQL 16 keeps all null
-- keys in the first part of a hash join, and splits that in two, in vain, until it is out of memory.
\ir battles_that_count.sql
LEFT JOIN api.battle_categorization AS categorization
    ON categorization.id = coalesce(battle.effective_categorization_id, battle.id)
    AND categorization.status = 'matched'
LEFT JOIN tag ON tag.categorization_id = coalesce(categorization.id, battle.id)
WHERE 'overall' = ANY (%(slugs)s) OR tag.category IS NOT NULL
