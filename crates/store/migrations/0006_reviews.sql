-- Which events somebody has looked at (`reviewed`), and which times somebody has looked through
-- from end to end to find what was missed (`reviews`).

CREATE TABLE reviewed (
    -- The event's ULID.
    id      BLOB    NOT NULL PRIMARY KEY,
    -- When the event was: goes with it.
    wall_us INTEGER NOT NULL,
    -- When somebody said so.
    at_us   INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX reviewed_by_wall ON reviewed (wall_us);

INSERT INTO reviewed (id, wall_us, at_us) SELECT id, wall_us, at_us FROM verdicts;

-- Stays when the events are forgotten, as verdicts do.
CREATE TABLE reviews (
    id        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    camera    TEXT    NOT NULL,
    rule      TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    -- '': either way, or the kind has none.
    direction TEXT    NOT NULL,
    from_us   INTEGER NOT NULL,
    to_us     INTEGER NOT NULL CHECK (to_us > from_us),
    -- What happened and was not counted.
    missed    INTEGER NOT NULL CHECK (missed >= 0),
    -- What was counted in this time when it was looked through.
    counted   INTEGER NOT NULL CHECK (counted >= 0),
    at_us     INTEGER NOT NULL
);

CREATE INDEX reviews_by_rule ON reviews (camera, rule, kind, from_us);

-- Verdicts outlive their events, and reviews may be about one way alone.
ALTER TABLE verdicts ADD COLUMN direction TEXT NOT NULL DEFAULT '';

UPDATE verdicts SET direction = coalesce(
    (SELECT direction FROM events WHERE events.id = verdicts.id), '');
