-- +goose Up

-- What tables and columns mean stands in migrations/sqlite.

CREATE TABLE shards (
    job    BIGINT NOT NULL,
    number BIGINT NOT NULL,
    low    BIGINT NOT NULL,
    high   BIGINT NOT NULL,
    state  TEXT NOT NULL,
    owner  BIGINT,
    ticket BOOLEAN NOT NULL,
    PRIMARY KEY (job, number)
);
CREATE INDEX shards_open ON shards (job, number) WHERE state <> 'done';
CREATE INDEX shards_owner ON shards (owner) WHERE owner IS NOT NULL;
INSERT INTO shards (job, number, low, high, state, ticket)
    SELECT seq, 1, 1, row_count, CASE WHEN state IN ('ready', 'running', 'canceling') THEN 'open' ELSE 'done' END, false
    FROM jobs WHERE row_count > 0 AND state <> 'invalid';

ALTER TABLE items ADD COLUMN lane BIGINT;
CREATE INDEX items_lane ON items (job, lane, id) WHERE lane IS NOT NULL;

CREATE TABLE runners (
    id      INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    TEXT NOT NULL,
    serves  TEXT NOT NULL,
    commits BIGINT NOT NULL,
    seen    BIGINT NOT NULL
) WITH (fillfactor = 20); -- changed by each transaction
CREATE TABLE leases (
    scope     TEXT NOT NULL,
    runner    BIGINT NOT NULL,
    busy      BOOLEAN NOT NULL,
    in_flight BIGINT NOT NULL,
    rate      DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (scope, runner)
);
ALTER TABLE jobs ADD COLUMN loader BIGINT;
ALTER TABLE jobs DROP COLUMN settled_to;

-- Processes are told of what people do to a job, so that they need not ask.
-- +goose StatementBegin
CREATE FUNCTION bcosgate_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(TG_TABLE_SCHEMA || '.bcosgate_jobs', NEW.id);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER jobs_tell AFTER UPDATE OF state, reason, spec ON jobs FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.reason IS DISTINCT FROM NEW.reason OR OLD.spec IS DISTINCT FROM NEW.spec)
    EXECUTE FUNCTION bcosgate_tell();
