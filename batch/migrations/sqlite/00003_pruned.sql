-- +goose Up

-- Jobs that were deleted and whose items are still being removed.
CREATE TABLE pruned (
    seq INTEGER PRIMARY KEY
);
