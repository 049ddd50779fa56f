-- +goose Up

CREATE TABLE reconciliations (
    job      BIGINT PRIMARY KEY,
    finished BIGINT NOT NULL,
    result   TEXT NOT NULL
);
