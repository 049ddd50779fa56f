-- +goose Up

ALTER TABLE jobs ADD COLUMN stopped_by TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN expired BIGINT NOT NULL DEFAULT 0;
DROP INDEX jobs_open;
CREATE INDEX jobs_open ON jobs (seq) WHERE state IN ('loading', 'running', 'paused', 'canceling');
