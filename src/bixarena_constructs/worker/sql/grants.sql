-- Everything that the worker's role needs. It can read no prompt and no answer, and in the two tables
-- that it writes to, all that it can change is whether a snapshot is public.

GRANT USAGE ON SCHEMA api TO bixarena_worker;

GRANT SELECT (id, slug) ON api.model TO bixarena_worker;
GRANT SELECT (id, model1_id, model2_id, effective_validation_id, effective_categorization_id)
    ON api.battle TO bixarena_worker;
GRANT SELECT (battle_id, outcome) ON api.battle_evaluation TO bixarena_worker;
GRANT SELECT (id, is_biomedical) ON api.battle_validation TO bixarena_worker;
GRANT SELECT (id, status) ON api.battle_categorization TO bixarena_worker;
GRANT SELECT (categorization_id, category)
    ON api.battle_categorization_category TO bixarena_worker;
GRANT SELECT (id, slug) ON api.leaderboard TO bixarena_worker;
GRANT SELECT (id, leaderboard_id, snapshot_identifier, visibility, created_at)
    ON api.leaderboard_snapshot TO bixarena_worker;
GRANT SELECT (model_id, snapshot_id, rank) ON api.leaderboard_entry TO bixarena_worker;

-- For intervals that allow for one voter's votes being alike. The worker's statement numbers the
-- voters, so no voter's key leaves the database. Without this grant votes count as independent.
GRANT SELECT (user_id) ON api.battle TO bixarena_worker;

-- For the age of the newest vote, in the log and for its alarm. Without this grant it is not logged.
GRANT SELECT (created_at) ON api.battle_evaluation TO bixarena_worker;

-- To publish; a dry run does not need it.
GRANT INSERT (id, leaderboard_id, snapshot_identifier, description, visibility, created_at,
              updated_at)
    ON api.leaderboard_snapshot TO bixarena_worker;
GRANT INSERT (leaderboard_id, model_id, snapshot_id, bt_score, vote_count, rank,
              bootstrap_q025, bootstrap_q975)
    ON api.leaderboard_entry TO bixarena_worker;

-- To make a snapshot private or public: `unpublish`, `publish`, and KEEP_SNAPSHOTS.
GRANT UPDATE (visibility, updated_at) ON api.leaderboard_snapshot TO bixarena_worker;
