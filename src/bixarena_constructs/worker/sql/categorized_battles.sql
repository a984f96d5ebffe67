-- The same by category: a battle has a row for each category of its effective categorization, if that
-- is matched, and one without a category otherwise. Without overall, only the battles of the
-- categories that are asked for.
\ir counting_battles.sql
LEFT JOIN api.battle_categorization AS categorization
    ON categorization.id = battle.effective_categorization_id
    AND categorization.status = 'matched'
LEFT JOIN tag ON tag.categorization_id = categorization.id
WHERE 'overall' = ANY (%(slugs)s) OR tag.category IS NOT NULL
