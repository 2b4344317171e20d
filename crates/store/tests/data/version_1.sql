-- A file of schema version 1, as the build before migration 0002 wrote it; made with `sqlite3 omma.db .dump`.
PRAGMA application_id=1330466113;
PRAGMA user_version=1;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
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
INSERT INTO events VALUES(1,X'0000000927c0f0817e54a4883a969e55','hall','zone_entered',NULL,NULL,NULL,NULL,'till',7,'person',0.75,X'cdcccc3dcdcc4c3e9a99993ecdcccc3e',600000000000,600000000,X'fbffffffffffffff0000803e0000003f05000000000000009a99993ecdcc0c3f','{"colour":"\"red\" & ümlaut"}');
INSERT INTO events VALUES(2,X'0000000927c0f0817e54a4883a969e56','hall','zone_dwelled',NULL,12345678,NULL,NULL,'till',7,'person',0.75,X'cdcccc3dcdcc4c3e9a99993ecdcccc3e',600000000000,600000000,X'fbffffffffffffff0000803e0000003f05000000000000009a99993ecdcc0c3f','{"colour":"\"red\" & ümlaut"}');
INSERT INTO events VALUES(3,X'0000000927c0f0817e54a4883a969e57','hall','zone_left',NULL,12345678,NULL,NULL,'till',7,'person',0.75,X'cdcccc3dcdcc4c3e9a99993ecdcccc3e',600000000000,600000000,X'fbffffffffffffff0000803e0000003f05000000000000009a99993ecdcc0c3f','{"colour":"\"red\" & ümlaut"}');
INSERT INTO events VALUES(4,X'0000000927c0f0817e54a4883a969e58','hall','camera_state',NULL,NULL,'stalled','silent for 5 s',NULL,NULL,NULL,NULL,NULL,600000000000,600000000,NULL,NULL);
INSERT INTO events VALUES(5,X'0000000927c0f0817e54a4883a969e54','hall','line_crossed','backward',NULL,NULL,NULL,'door',-1,'person',0.75,X'cdcccc3dcdcc4c3e9a99993ecdcccc3e',600000000000,600000000,X'fbffffffffffffff0000803e0000003f05000000000000009a99993ecdcc0c3f','{"colour":"\"red\" & ümlaut"}');
INSERT INTO events VALUES(6,X'000000124f80dc61669bd577b0bc7ad0','yard','line_crossed','forward',NULL,NULL,NULL,'door',7,'person',0.75,X'cdcccc3dcdcc4c3e9a99993ecdcccc3e',1200000000000,1200000000,X'fbffffffffffffff0000803e0000003f05000000000000009a99993ecdcc0c3f','{"colour":"\"red\" & ümlaut"}');
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
INSERT INTO counts VALUES('hall',10,'door','line_crossed','backward','person',1,0);
INSERT INTO counts VALUES('hall',10,'till','zone_dwelled','','person',1,0);
INSERT INTO counts VALUES('hall',10,'till','zone_entered','','person',1,0);
INSERT INTO counts VALUES('hall',10,'till','zone_left','','person',1,12345678);
INSERT INTO counts VALUES('yard',20,'door','line_crossed','forward','person',1,0);
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
INSERT INTO totals VALUES('hall','door','line_crossed','backward','person',1,0);
INSERT INTO totals VALUES('hall','till','zone_dwelled','','person',1,0);
INSERT INTO totals VALUES('hall','till','zone_entered','','person',1,0);
INSERT INTO totals VALUES('hall','till','zone_left','','person',1,12345678);
INSERT INTO totals VALUES('yard','door','line_crossed','forward','person',1,0);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('events',6);
CREATE INDEX events_by_camera ON events (camera);
CREATE INDEX events_by_wall ON events (wall_us);
COMMIT;
