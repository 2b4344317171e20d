-- What happened (`events`) and how often (`counts`, `totals`).
--
-- Times are integers: `wall_us` microseconds since 1970-01-01T00:00:00Z, `media_ns`
-- nanoseconds on the stream's clock, `minute` minutes since 1970-01-01T00:00Z.
-- Names are stored as text, not as keys of a table of names: a file that anybody can read
-- with the `sqlite3` shell is worth the few bytes.

PRAGMA application_id = 1330466113; -- "OMMA" in ASCII: tells our file from others

-- Every event, as it was raised. Append only; old rows go by age (see `events_by_wall`).
CREATE TABLE events (
    -- Order of arrival, the cursor of all readers. AUTOINCREMENT, because a number must not
    -- come back after the newest events were forgotten.
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    -- ULID, 16 bytes, big endian: makes appending idempotent.
    id         BLOB    NOT NULL UNIQUE,
    camera     TEXT    NOT NULL,
    -- line_crossed, zone_entered, zone_left, zone_dwelled, camera_state
    kind       TEXT    NOT NULL,
    -- forward or backward; only for line_crossed.
    direction  TEXT,
    -- Only for zone_left and zone_dwelled.
    dwell_us   INTEGER,
    -- Only for camera_state.
    state      TEXT,
    reason     TEXT,
    -- Name of the line or zone; absent for events of the camera itself.
    rule       TEXT,
    -- The track's number, its 64 bits read as a signed number.
    track      INTEGER,
    class      TEXT,
    -- 0 to 1.
    score      REAL,
    -- The box: left, top, width, height as fractions of the picture, four little-endian f32.
    rect       BLOB,
    media_ns   INTEGER NOT NULL,
    wall_us    INTEGER NOT NULL,
    -- The last anchor points, oldest first, 16 bytes each: media time in ns (i64), x, y (f32),
    -- little endian. Absent when there are none.
    path       BLOB,
    -- JSON object of texts. Absent when empty.
    attributes TEXT
);

-- One camera's events, newest first. (A rowid table's index ends in the rowid, here `seq`.)
CREATE INDEX events_by_camera ON events (camera);

-- For forgetting by age and for reading a span of time.
CREATE INDEX events_by_wall ON events (wall_us);

-- How often each thing happened in each minute. Stays when events are forgotten. Events of
-- the camera itself (without a rule) are not counted.
CREATE TABLE counts (
    camera    TEXT    NOT NULL,
    minute    INTEGER NOT NULL,
    rule      TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    -- '' where the kind has no direction, or the object no class: a NULL in a key is not
    -- equal to itself.
    direction TEXT    NOT NULL,
    class     TEXT    NOT NULL,
    count     INTEGER NOT NULL,
    -- Sum of the dwell times of zone_left, else 0.
    dwell_us  INTEGER NOT NULL,
    -- Camera and minute first: a report reads one camera's span of time in one sweep.
    PRIMARY KEY (camera, minute, rule, kind, direction, class)
) WITHOUT ROWID;

-- The same for all time, so that totals do not grow slower with the years. Equal to the sum
-- of `counts` at the end of every transaction.
CREATE TABLE totals (
    camera    TEXT    NOT NULL,
    rule      TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    direction TEXT    NOT NULL,
    class     TEXT    NOT NULL,
    count     INTEGER NOT NULL,
    dwell_us  INTEGER NOT NULL,
    PRIMARY KEY (camera, rule, kind, direction, class)
) WITHOUT ROWID;
