-- The battles that count, with a row for each category of a battle whose effective categorization is
-- matched, and one row without a category for any other battle. If overall is not asked for, only the
-- battles of the requested categories.
\ir battles_that_count.sql
LEFT JOIN api.battle_categorization AS categorization
    ON categorization.id = battle.effective_categorization_id
    AND categorization.status = 'matched'
LEFT JOIN tag ON tag.categorization_id = categorization.id
WHERE 'overall' = ANY (%(slugs)s) OR tag.category IS NOT NULL
