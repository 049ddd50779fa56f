-- +goose Up

-- How items had ended that were put back, to be sent again. Their generation now is
-- how often that was; the attempts behind those of the last one here are its own.
CREATE TABLE past_outcomes (
    item        INTEGER NOT NULL,
    generation  INTEGER NOT NULL,               -- from 0
    state       TEXT NOT NULL,
    attempts    INTEGER NOT NULL,               -- up to then, of all generations
    landed      INTEGER,
    block       INTEGER,
    status      INTEGER,
    status_name TEXT,
    gas_used    INTEGER,
    output      BLOB,
    contract    BLOB,
    error_kind  TEXT,
    error       TEXT,
    latency     INTEGER NOT NULL,
    settled     INTEGER NOT NULL,
    PRIMARY KEY (item, generation)
) WITHOUT ROWID;

ALTER TABLE jobs ADD COLUMN retries INTEGER NOT NULL DEFAULT 0; -- how often items were put back
ALTER TABLE jobs ADD COLUMN retried INTEGER;                    -- when that was last

-- Finds the shard of a row or a lane.
CREATE INDEX shards_low ON shards (job, low);
