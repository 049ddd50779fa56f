-- +goose Up

-- One row a job. What the job counts of its items stands here, and is changed
-- in the transaction that changes the items.
CREATE TABLE jobs (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    idempotency_key TEXT UNIQUE,
    kind            TEXT NOT NULL,
    target          TEXT NOT NULL,
    registers       TEXT,                       -- name of the contract that a deployment makes
    spec            TEXT NOT NULL,              -- JSON, with target and account filled in
    abi             TEXT NOT NULL DEFAULT '',   -- JSON ABI that the spec led to
    state           TEXT NOT NULL,
    reason          TEXT NOT NULL DEFAULT '',
    address         BLOB,
    signer          BLOB NOT NULL,
    nonce_ref       TEXT NOT NULL,              -- what the items' nonces are derived from
    genesis         BLOB NOT NULL,              -- hash of block 0 of the chain that the job belongs to
    row_count       INTEGER NOT NULL DEFAULT 0,
    columns         TEXT,                       -- JSON array, NULL for input without a header
    input_sha256    BLOB,
    faults          TEXT,                       -- JSON array of the first faults
    fault_count     INTEGER NOT NULL DEFAULT 0,
    submitted       INTEGER NOT NULL DEFAULT 0,
    unknown         INTEGER NOT NULL DEFAULT 0,
    confirmed       INTEGER NOT NULL DEFAULT 0,
    reverted        INTEGER NOT NULL DEFAULT 0,
    rejected        INTEGER NOT NULL DEFAULT 0,
    canceled        INTEGER NOT NULL DEFAULT 0,
    settled_to      INTEGER NOT NULL DEFAULT 0, -- every row up to this one has an outcome
    created         INTEGER NOT NULL,           -- all times are milliseconds since 1970
    started         INTEGER,
    finished        INTEGER
);
CREATE INDEX jobs_open ON jobs (seq) WHERE state IN ('loading', 'running', 'canceling');
CREATE INDEX jobs_registers ON jobs (target, registers) WHERE registers IS NOT NULL;

-- The rows of the jobs, never changed once they are stored. id is job * 2^40 +
-- row, so that the rows of a job lie together, in order, without another index.
CREATE TABLE items (
    id        INTEGER PRIMARY KEY,
    job       INTEGER GENERATED ALWAYS AS (id >> 40) VIRTUAL,
    ref       TEXT,                             -- the row's _id
    recipient BLOB,                             -- contract that is called, NULL deploys
    input     BLOB NOT NULL,                    -- selector and arguments, or creation code
    source    TEXT NOT NULL                     -- JSON of the row as it came
);
CREATE UNIQUE INDEX items_ref ON items (job, ref) WHERE ref IS NOT NULL;

-- Every signed form of an item, stored before its first byte is sent. An item
-- with an attempt and no outcome is submitted, or unknown once an answer of
-- that kind is written beside the attempt.
CREATE TABLE attempts (
    item        INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    hash        BLOB NOT NULL,
    nonce       TEXT NOT NULL,
    block_limit INTEGER NOT NULL,
    created     INTEGER NOT NULL,
    answer_kind TEXT,
    answer      TEXT,
    PRIMARY KEY (item, number)
) WITHOUT ROWID;

-- The end of an item. Its primary key makes a second end impossible.
CREATE TABLE outcomes (
    item       INTEGER PRIMARY KEY,
    state      TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    landed     INTEGER,                         -- number of the attempt that is in a block
    block      INTEGER,
    status     INTEGER,
    status_name TEXT,
    gas_used   INTEGER,
    output     BLOB,
    contract   BLOB,
    error_kind TEXT,
    error      TEXT,
    latency    INTEGER NOT NULL,
    settled    INTEGER NOT NULL
);
CREATE INDEX outcomes_failed ON outcomes (item) WHERE state <> 'confirmed';
