-- The battles that count: those with an evaluation and an effective validation that says they are
-- biomedical.
FROM api.battle
JOIN api.battle_evaluation AS evaluation ON evaluation.battle_id = battle.id
JOIN api.battle_validation AS validation
    ON validation.id = battle.effective_validation_id AND validation.is_biomedical
