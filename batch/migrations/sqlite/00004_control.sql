-- +goose Up

ALTER TABLE jobs ADD COLUMN stopped_by TEXT NOT NULL DEFAULT ''; -- the rule that paused the job
ALTER TABLE jobs ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;
DROP INDEX jobs_open;
CREATE INDEX jobs_open ON jobs (seq) WHERE state IN ('loading', 'running', 'paused', 'canceling');
