-- Who may use Omma (`users`), who is logged in (`sessions`), which tokens users have made for
-- programs (`user_tokens`), and who did what (`audit`). Tokens of all kinds are kept as SHA-256
-- of what was handed out, passwords as argon2id: nothing in here opens a door.

CREATE TABLE users (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    -- As it was given; `Anna` and `anna` are the same.
    name       TEXT    NOT NULL COLLATE NOCASE UNIQUE,
    -- A PHC string: the way it was hashed, the salt and the hash.
    password   TEXT    NOT NULL,
    role       TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    -- Names of cameras, a JSON list; NULL: all that there are.
    cameras    TEXT,
    disabled   INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created_us INTEGER NOT NULL
);

CREATE TABLE sessions (
    digest     BLOB    NOT NULL PRIMARY KEY,
    user       INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_us INTEGER NOT NULL,
    -- Moves while somebody asks, at most once a minute.
    seen_us    INTEGER NOT NULL,
    -- Whatever happens in between.
    expires_us INTEGER NOT NULL,
    address    TEXT    NOT NULL,
    agent      TEXT    NOT NULL
) WITHOUT ROWID;

CREATE INDEX sessions_user ON sessions (user);

CREATE TABLE user_tokens (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    digest     BLOB    NOT NULL UNIQUE,
    user       INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- What it is for, in its owner's words.
    name       TEXT    NOT NULL,
    -- Words with commas between them.
    scopes     TEXT    NOT NULL,
    -- As of `users`; what both allow is allowed.
    cameras    TEXT,
    created_us INTEGER NOT NULL,
    -- NULL: it does not end by itself.
    expires_us INTEGER,
    used_us    INTEGER
);

CREATE INDEX user_tokens_user ON user_tokens (user);

CREATE TABLE audit (
    seq     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at_us   INTEGER NOT NULL,
    -- A user's name, or `token NAME` for a token of the configuration. Names stay when users go.
    who     TEXT    NOT NULL,
    -- One word: `login`, `changed`, `exported`.
    what    TEXT    NOT NULL,
    -- On what: a camera, a user, an address of the API.
    target  TEXT    NOT NULL,
    address TEXT    NOT NULL
);

CREATE INDEX audit_at ON audit (at_us);
