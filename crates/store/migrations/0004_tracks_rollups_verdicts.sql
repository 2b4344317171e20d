-- Where everything that was followed went (`tracks`), so that a new line can count the past;
-- counts by hour and by day (`counts_by_hour`, `counts_by_day`), so that a month is answered
-- from hundreds of rows, not from hundreds of thousands; what people say of events (`verdicts`).

-- Some time of one camera a row.
CREATE TABLE tracks (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    camera   TEXT    NOT NULL,
    -- Numbers of tracks are unique within one run of a camera's analysis.
    run      INTEGER NOT NULL,
    start_us INTEGER NOT NULL,
    end_us   INTEGER NOT NULL CHECK (end_us >= start_us),
    -- Boxes in it.
    points   INTEGER NOT NULL,
    -- The engine's own form, with a version in its first byte.
    bytes    BLOB    NOT NULL
);

-- One camera's span of time.
CREATE INDEX tracks_by_start ON tracks (camera, start_us);

-- For forgetting by age.
CREATE INDEX tracks_by_end ON tracks (end_us);

-- Of `count`, so many were counted later, from stored tracks. `totals` are without those: they
-- are what a running camera goes on from.
ALTER TABLE counts ADD COLUMN later INTEGER NOT NULL DEFAULT 0;

-- As `counts`, by hour; `minute` is the hour's first. Equal to the sum of `counts` at the end of
-- every transaction.
CREATE TABLE counts_by_hour (
    camera    TEXT    NOT NULL,
    minute    INTEGER NOT NULL,
    rule      TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    direction TEXT    NOT NULL,
    class     TEXT    NOT NULL,
    count     INTEGER NOT NULL,
    dwell_us  INTEGER NOT NULL,
    later     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (camera, minute, rule, kind, direction, class)
) WITHOUT ROWID;

-- The same by day, UTC.
CREATE TABLE counts_by_day (
    camera    TEXT    NOT NULL,
    minute    INTEGER NOT NULL,
    rule      TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    direction TEXT    NOT NULL,
    class     TEXT    NOT NULL,
    count     INTEGER NOT NULL,
    dwell_us  INTEGER NOT NULL,
    later     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (camera, minute, rule, kind, direction, class)
) WITHOUT ROWID;

-- SQLite's remainder has the sign of the dividend: times before 1970 need the detour.
INSERT INTO counts_by_hour (camera, minute, rule, kind, direction, class, count, dwell_us)
SELECT camera, minute - ((minute % 60) + 60) % 60 AS span, rule, kind, direction, class,
       sum(count), sum(dwell_us)
FROM counts GROUP BY camera, span, rule, kind, direction, class;

INSERT INTO counts_by_day (camera, minute, rule, kind, direction, class, count, dwell_us)
SELECT camera, minute - ((minute % 1440) + 1440) % 1440 AS span, rule, kind, direction, class,
       sum(count), sum(dwell_us)
FROM counts_by_hour GROUP BY camera, span, rule, kind, direction, class;

-- What people say of events. Stays when the event is forgotten: precision is of all time.
CREATE TABLE verdicts (
    -- The event's ULID.
    id      BLOB    NOT NULL PRIMARY KEY,
    camera  TEXT    NOT NULL,
    rule    TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    -- When the event was.
    wall_us INTEGER NOT NULL,
    -- 1: it happened as it says. 0: it did not.
    correct INTEGER NOT NULL CHECK (correct IN (0, 1)),
    -- When somebody said so.
    at_us   INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX verdicts_by_rule ON verdicts (camera, rule);
