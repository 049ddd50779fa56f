-- +goose Up

-- Of jobs of kind call: the newest block when the job began, or the one that was
-- asked for, and the lowest and the highest one that a row was read at.
ALTER TABLE jobs ADD COLUMN block INTEGER;
ALTER TABLE jobs ADD COLUMN first_block INTEGER;
ALTER TABLE jobs ADD COLUMN last_block INTEGER;
