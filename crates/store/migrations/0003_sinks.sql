-- Where each sink of events stands (`sink_cursors`), and which events it could not deliver
-- (`sink_dead`). The events themselves are the queue: all of them, in the order of `seq`.

CREATE TABLE sink_cursors (
    -- Its name in the configuration.
    sink TEXT    NOT NULL PRIMARY KEY,
    -- Everything up to this number was delivered, put aside, or is none of its business.
    seq  INTEGER NOT NULL CHECK (seq >= 0)
) WITHOUT ROWID;

CREATE TABLE sink_dead (
    sink     TEXT    NOT NULL,
    -- The event. It goes with the event.
    seq      INTEGER NOT NULL,
    -- Why, without secrets.
    reason   TEXT    NOT NULL,
    attempts INTEGER NOT NULL,
    at_us    INTEGER NOT NULL,
    -- 1: somebody wants it delivered once more.
    revived  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (sink, seq)
) WITHOUT ROWID;

-- What was revived: a handful among many.
CREATE INDEX sink_dead_revived ON sink_dead (sink, seq) WHERE revived = 1;
