-- +goose Up

-- The item, an earlier one of the same job, that must be confirmed before this one is
-- sent. items.lane has the key that rows are ordered by, where they are.
ALTER TABLE items ADD COLUMN after_id INTEGER;
CREATE INDEX items_after ON items (after_id, id) WHERE after_id IS NOT NULL;

ALTER TABLE jobs ADD COLUMN dependents BOOLEAN NOT NULL DEFAULT false; -- some of its items wait for others
