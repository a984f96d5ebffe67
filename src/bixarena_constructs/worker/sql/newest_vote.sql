-- When the newest of the votes that count was cast: a validation that broke stops it, too.
SELECT max(evaluation.created_at)
FROM api.battle
JOIN api.battle_evaluation AS evaluation ON evaluation.battle_id = battle.id
JOIN api.battle_validation AS validation
    ON validation.id = battle.effective_validation_id AND validation.is_biomedical;
