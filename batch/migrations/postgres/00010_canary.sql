-- +goose Up

ALTER TABLE jobs ADD COLUMN canary_over BOOLEAN NOT NULL DEFAULT false;
