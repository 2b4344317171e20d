-- What was recorded (`segments`), what still has to be delivered (`outbox`, `outbox_dead`),
-- and what was changed about cameras at run time (`camera_changes`).

-- One row a recorded file.
CREATE TABLE segments (
    -- AUTOINCREMENT: whoever still holds the number of a removed file must not meet another.
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    camera   TEXT    NOT NULL,
    -- Below the recordings folder, with '/'.
    path     TEXT    NOT NULL UNIQUE,
    start_us INTEGER NOT NULL,
    end_us   INTEGER NOT NULL CHECK (end_us >= start_us),
    bytes    INTEGER NOT NULL CHECK (bytes >= 0),
    -- Fingerprint of the stream: files of equal ones can be joined without transcoding.
    stream   TEXT    NOT NULL,
    -- 1: goes on without a gap where the camera's segment before it ended.
    follows  INTEGER NOT NULL,
    -- 0: still written, or left behind by a crash.
    complete INTEGER NOT NULL
);

-- One camera's span of time.
CREATE INDEX segments_by_start ON segments (camera, start_us);

-- The longest segment of a camera: what overlaps a span of time began at most so long before
-- it, so that the index above has a lower bound as well.
CREATE INDEX segments_by_length ON segments (camera, end_us - start_us);

-- The oldest of all cameras, for making space.
CREATE INDEX segments_by_age ON segments (start_us);

-- What is being written: a handful of rows among hundreds of thousands.
CREATE INDEX segments_unfinished ON segments (id) WHERE complete = 0;

-- How much each camera has recorded, so that nobody adds up a million rows. Kept by the
-- triggers below; a camera without segments has no row.
CREATE TABLE segment_totals (
    camera   TEXT    NOT NULL PRIMARY KEY,
    segments INTEGER NOT NULL,
    bytes    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TRIGGER segment_added AFTER INSERT ON segments BEGIN
    INSERT INTO segment_totals (camera, segments, bytes) VALUES (new.camera, 1, new.bytes)
    ON CONFLICT DO UPDATE SET segments = segments + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER segment_grown AFTER UPDATE OF bytes ON segments BEGIN
    UPDATE segment_totals SET bytes = bytes + new.bytes - old.bytes WHERE camera = new.camera;
END;

CREATE TRIGGER segment_removed AFTER DELETE ON segments BEGIN
    UPDATE segment_totals SET segments = segments - 1, bytes = bytes - old.bytes
    WHERE camera = old.camera;
    DELETE FROM segment_totals WHERE camera = old.camera AND segments = 0;
END;

-- What has to be delivered, oldest first.
CREATE TABLE outbox (
    -- The order of delivery. AUTOINCREMENT, because acknowledged numbers must not come back.
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Whose it is, e.g. `annotations`.
    queue       TEXT    NOT NULL,
    payload     BLOB    NOT NULL,
    enqueued_us INTEGER NOT NULL,
    -- Deliveries that were tried and failed.
    attempts    INTEGER NOT NULL DEFAULT 0
);

-- One queue in order. (A rowid table's index ends in the rowid, here `seq`.)
CREATE INDEX outbox_by_queue ON outbox (queue);

-- What could not be delivered and is kept for people.
CREATE TABLE outbox_dead (
    -- The number it had in `outbox`: revived items take their old place in the order.
    seq         INTEGER PRIMARY KEY,
    queue       TEXT    NOT NULL,
    payload     BLOB    NOT NULL,
    enqueued_us INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    -- Why, without secrets.
    reason      TEXT    NOT NULL
);

CREATE INDEX outbox_dead_by_queue ON outbox_dead (queue);

-- What was changed through an interface, on top of the configuration file.
CREATE TABLE camera_changes (
    camera   TEXT    NOT NULL PRIMARY KEY,
    -- The camera's part of the configuration file as JSON, passwords included; absent where
    -- the file's holds.
    settings TEXT,
    -- Absent where the file's holds.
    paused   INTEGER,
    -- 1: the file's camera shall not run.
    removed  INTEGER NOT NULL
) WITHOUT ROWID;
