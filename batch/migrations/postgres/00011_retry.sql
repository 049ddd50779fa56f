-- +goose Up

-- What tables and columns mean stands in migrations/sqlite.

CREATE TABLE past_outcomes (
    item        BIGINT NOT NULL,
    generation  INTEGER NOT NULL,
    state       TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    landed      INTEGER,
    block       BIGINT,
    status      INTEGER,
    status_name TEXT,
    gas_used    BIGINT,
    output      BYTEA,
    contract    BYTEA,
    error_kind  TEXT,
    error       TEXT,
    latency     BIGINT NOT NULL,
    settled     BIGINT NOT NULL,
    PRIMARY KEY (item, generation)
);

ALTER TABLE jobs ADD COLUMN retries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN retried BIGINT;

CREATE INDEX shards_low ON shards (job, low);
