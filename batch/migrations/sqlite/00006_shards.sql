-- +goose Up

-- The parts of which a job's rows consist, each carried by one process at a time:
-- the rows, or the lanes, from low to high. A job ends when all of its shards are
-- done.
CREATE TABLE shards (
    job    INTEGER NOT NULL,
    number INTEGER NOT NULL,                    -- from 1, in the order in which they are begun
    low    INTEGER NOT NULL,
    high   INTEGER NOT NULL,
    state  TEXT NOT NULL,                       -- open, begun (by a runner), done
    owner  INTEGER,                             -- the runner that carries it, NULL is none
    ticket BOOLEAN NOT NULL,                    -- a work queue hands it out when it has no owner
    PRIMARY KEY (job, number)
) WITHOUT ROWID;
CREATE INDEX shards_open ON shards (job, number) WHERE state <> 'done';
CREATE INDEX shards_owner ON shards (owner) WHERE owner IS NOT NULL;

-- What was there before is one shard each.
INSERT INTO shards (job, number, low, high, state, ticket)
    SELECT seq, 1, 1, row_count, CASE WHEN state IN ('ready', 'running', 'canceling') THEN 'open' ELSE 'done' END, false
    FROM jobs WHERE row_count > 0 AND state <> 'invalid';

-- Rows that stay together whatever their numbers are have the same lane: a bucket
-- of time, or of a key's hash. NULL where shards are ranges of rows.
ALTER TABLE items ADD COLUMN lane INTEGER;
CREATE INDEX items_lane ON items (job, lane, id) WHERE lane IS NOT NULL;

-- Processes that share a store. A file has one at a time, and no row here.
CREATE TABLE runners (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,                      -- for people
    serves  TEXT NOT NULL,                      -- the queues that it takes shards from, one a line
    commits INTEGER NOT NULL,                   -- its transactions; without its row it cannot make any
    seen    INTEGER NOT NULL                    -- milliseconds since 1970, by the database's clock
);

-- The parts of a limit that each of them may use. Their sum is never above the limit.
CREATE TABLE leases (
    scope     TEXT NOT NULL,                    -- target:NAME, or job:SEQ
    runner    INTEGER NOT NULL,
    busy      BOOLEAN NOT NULL,                 -- it could use more than a little
    in_flight INTEGER NOT NULL,
    rate      REAL NOT NULL,
    PRIMARY KEY (scope, runner)
) WITHOUT ROWID;

ALTER TABLE jobs ADD COLUMN loader INTEGER;     -- the runner that receives its rows

-- Shards tell what is left to do.
ALTER TABLE jobs DROP COLUMN settled_to;
