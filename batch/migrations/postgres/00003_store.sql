-- +goose Up

-- The schema of migrations/sqlite up to the same number; what tables and columns
-- mean stands there.

-- One row: it marks the schema as a store. epoch is counted up by each engine that
-- takes the store, commits by each of its transactions, so that an engine whose
-- connection broke can tell whether it still owns the store, and whether its last
-- transaction was committed.
CREATE TABLE bcosgate_store (
    one     BOOLEAN PRIMARY KEY DEFAULT true CHECK (one),
    epoch   BIGINT NOT NULL,
    commits BIGINT NOT NULL
) WITH (fillfactor = 20);
INSERT INTO bcosgate_store (epoch, commits) VALUES (0, 0);

CREATE TABLE jobs (
    seq             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    idempotency_key TEXT UNIQUE,
    kind            TEXT NOT NULL,
    target          TEXT NOT NULL,
    registers       TEXT,
    spec            TEXT NOT NULL,
    abi             TEXT NOT NULL DEFAULT '',
    state           TEXT NOT NULL,
    reason          TEXT NOT NULL DEFAULT '',
    address         BYTEA,
    signer          BYTEA NOT NULL,
    nonce_ref       TEXT NOT NULL,
    genesis         BYTEA NOT NULL,
    row_count       BIGINT NOT NULL DEFAULT 0,
    columns         TEXT,
    input_sha256    BYTEA,
    faults          TEXT,
    fault_count     BIGINT NOT NULL DEFAULT 0,
    submitted       BIGINT NOT NULL DEFAULT 0,
    unknown         BIGINT NOT NULL DEFAULT 0,
    confirmed       BIGINT NOT NULL DEFAULT 0,
    reverted        BIGINT NOT NULL DEFAULT 0,
    rejected        BIGINT NOT NULL DEFAULT 0,
    canceled        BIGINT NOT NULL DEFAULT 0,
    settled_to      BIGINT NOT NULL DEFAULT 0,
    created         BIGINT NOT NULL,
    started         BIGINT,
    finished        BIGINT
) WITH (fillfactor = 50); -- counts change with each commit; the room keeps them out of the indexes
CREATE INDEX jobs_open ON jobs (seq) WHERE state IN ('loading', 'running', 'canceling');
CREATE INDEX jobs_registers ON jobs (target, registers) WHERE registers IS NOT NULL;

CREATE TABLE items (
    id        BIGINT PRIMARY KEY,
    job       BIGINT GENERATED ALWAYS AS (id >> 40) STORED,
    ref       TEXT,
    recipient BYTEA,
    input     BYTEA NOT NULL,
    source    TEXT NOT NULL
);
CREATE UNIQUE INDEX items_ref ON items (job, ref) WHERE ref IS NOT NULL;

CREATE TABLE attempts (
    item        BIGINT NOT NULL,
    number      INTEGER NOT NULL,
    hash        BYTEA NOT NULL,
    nonce       TEXT NOT NULL,
    block_limit BIGINT NOT NULL,
    created     BIGINT NOT NULL,
    answer_kind TEXT,
    answer      TEXT,
    PRIMARY KEY (item, number)
);

CREATE TABLE outcomes (
    item        BIGINT PRIMARY KEY,
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
    settled     BIGINT NOT NULL
);
CREATE INDEX outcomes_failed ON outcomes (item) WHERE state <> 'confirmed';

CREATE TABLE cordons (
    target TEXT NOT NULL,
    node   TEXT NOT NULL,
    reason TEXT NOT NULL,
    since  BIGINT NOT NULL,
    PRIMARY KEY (target, node)
);

CREATE TABLE pruned (
    seq BIGINT PRIMARY KEY
);
