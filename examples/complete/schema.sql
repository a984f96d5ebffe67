-- The tables of BixArena's database that the worker meets, for this example, the demo and the tests:
-- the real ones are owned and migrated by BixArena's API service.

CREATE SCHEMA api;

CREATE TABLE api.model (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    slug          varchar(200) NOT NULL UNIQUE,
    name          varchar(300) NOT NULL,
    license       text NOT NULL CHECK (license IN ('open-source', 'commercial')),
    active        boolean NOT NULL DEFAULT true,
    organization  varchar(200),
    external_link text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api.battle (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid NOT NULL,
    model1_id  uuid NOT NULL REFERENCES api.model ON DELETE CASCADE,
    model2_id  uuid NOT NULL REFERENCES api.model ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz,
    effective_validation_id     uuid,
    effective_categorization_id uuid
);

CREATE TABLE api.battle_evaluation (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    battle_id  uuid NOT NULL UNIQUE REFERENCES api.battle ON DELETE CASCADE,
    outcome    text NOT NULL CHECK (outcome IN ('model1', 'model2', 'tie')),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api.battle_validation (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    battle_id     uuid NOT NULL REFERENCES api.battle ON DELETE CASCADE,
    method        varchar(100) NOT NULL,
    confidence    numeric(4, 3),
    is_biomedical boolean NOT NULL,
    validated_by  uuid,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api.battle_categorization (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    battle_id      uuid NOT NULL REFERENCES api.battle ON DELETE CASCADE,
    method         varchar(100) NOT NULL,
    status         text NOT NULL CHECK (status IN ('matched', 'abstained', 'failed')),
    categorized_by uuid,
    created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api.battle_categorization_category (
    categorization_id uuid NOT NULL REFERENCES api.battle_categorization ON DELETE CASCADE,
    category          varchar(100) NOT NULL,
    PRIMARY KEY (categorization_id, category)
);

ALTER TABLE api.battle
    ADD FOREIGN KEY (effective_validation_id)
        REFERENCES api.battle_validation ON DELETE SET NULL,
    ADD FOREIGN KEY (effective_categorization_id)
        REFERENCES api.battle_categorization ON DELETE SET NULL;

CREATE TABLE api.leaderboard (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    slug        varchar(100) NOT NULL UNIQUE,
    name        varchar(200) NOT NULL,
    description text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api.leaderboard_snapshot (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    leaderboard_id      uuid NOT NULL REFERENCES api.leaderboard ON DELETE CASCADE,
    snapshot_identifier varchar(200) NOT NULL,
    description         text,
    visibility          text NOT NULL DEFAULT 'private'
                        CHECK (visibility IN ('public', 'private')),
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (leaderboard_id, snapshot_identifier)
);

CREATE TABLE api.leaderboard_entry (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    leaderboard_id  uuid NOT NULL REFERENCES api.leaderboard ON DELETE CASCADE,
    model_id        uuid NOT NULL REFERENCES api.model ON DELETE CASCADE,
    snapshot_id     uuid NOT NULL REFERENCES api.leaderboard_snapshot ON DELETE CASCADE,
    bt_score        numeric(10, 6) NOT NULL,
    vote_count      integer NOT NULL,
    rank            integer NOT NULL,
    bootstrap_q025  numeric(10, 6) NOT NULL,
    bootstrap_q975  numeric(10, 6) NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (leaderboard_id, model_id, snapshot_id)
);
