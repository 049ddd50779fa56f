-- +goose Up

-- The last comparison of a job with its chain, whatever it found.
CREATE TABLE reconciliations (
    job      INTEGER PRIMARY KEY,
    finished INTEGER NOT NULL,                  -- milliseconds since 1970
    result   TEXT NOT NULL                      -- JSON
);
