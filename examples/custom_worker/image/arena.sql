-- The arena's own tables, which its own migrations make. Bots are known by name.
CREATE SCHEMA arena;
CREATE TABLE arena.topic (name text PRIMARY KEY);
CREATE TABLE arena.bot (name text PRIMARY KEY);
CREATE TABLE arena.duel (
    topic text NOT NULL REFERENCES arena.topic,
    left_bot text NOT NULL REFERENCES arena.bot,
    right_bot text NOT NULL REFERENCES arena.bot,
    verdict text NOT NULL CHECK (verdict IN ('left', 'right', 'draw')),
    judge text
);
CREATE TABLE arena.standing (
    id uuid PRIMARY KEY,
    topic text NOT NULL REFERENCES arena.topic,
    label text NOT NULL,
    is_public boolean NOT NULL,
    UNIQUE (topic, label)
);
CREATE TABLE arena.place (
    standing uuid NOT NULL REFERENCES arena.standing ON DELETE CASCADE,
    bot text NOT NULL REFERENCES arena.bot,
    place int NOT NULL,
    score numeric NOT NULL,
    lower numeric NOT NULL,
    upper numeric NOT NULL,
    votes bigint NOT NULL,
    PRIMARY KEY (standing, bot)
);
