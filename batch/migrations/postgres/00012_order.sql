-- +goose Up

ALTER TABLE items ADD COLUMN after_id BIGINT;
CREATE INDEX items_after ON items (after_id, id) WHERE after_id IS NOT NULL;
ALTER TABLE jobs ADD COLUMN dependents BOOLEAN NOT NULL DEFAULT false;
