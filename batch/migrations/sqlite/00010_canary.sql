-- +goose Up

-- True once the first shard of a job with a canary may be followed by the others: all
-- of its rows were confirmed, or the user went on all the same.
ALTER TABLE jobs ADD COLUMN canary_over BOOLEAN NOT NULL DEFAULT false;
