-- +goose Up

-- Nodes that were taken out by hand. They stay out after a restart.
CREATE TABLE cordons (
    target TEXT NOT NULL,
    node   TEXT NOT NULL,                       -- host:port
    reason TEXT NOT NULL,                       -- for people; may be empty
    since  INTEGER NOT NULL,                    -- milliseconds since 1970
    PRIMARY KEY (target, node)
) WITHOUT ROWID;
