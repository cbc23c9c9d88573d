-- What runs in containers need: who may run now, and which image tarballs were checked.

-- The row of a free lease stays, so that its token goes on from where it was.
CREATE TABLE lease (
    name              TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
    token             INTEGER NOT NULL CHECK (token >= 1),
    run_id            INTEGER REFERENCES run (run_id),
    holder_host       TEXT,
    holder_pid        INTEGER CHECK (holder_pid >= 0),
    holder_boot_id    TEXT,
    holder_pid_space  TEXT,
    holder_start_time INTEGER,
    acquired_ms       INTEGER,
    heartbeat_ms      INTEGER,
    expires_ms        INTEGER,
    -- A lease is held altogether or not at all.
    CHECK ((holder_host IS NULL) = (holder_pid IS NULL)),
    CHECK ((holder_host IS NULL) = (holder_boot_id IS NULL)),
    CHECK ((holder_host IS NULL) = (holder_pid_space IS NULL)),
    CHECK ((holder_host IS NULL) = (acquired_ms IS NULL)),
    CHECK ((holder_host IS NULL) = (heartbeat_ms IS NULL)),
    CHECK ((holder_host IS NULL) = (expires_ms IS NULL)),
    CHECK (holder_host IS NOT NULL OR (run_id IS NULL AND holder_start_time IS NULL))
) WITHOUT ROWID;

-- A tarball of the same size and time need not be read again.
CREATE TABLE image_archive (
    path         TEXT    NOT NULL PRIMARY KEY,
    size_bytes   INTEGER NOT NULL CHECK (size_bytes >= 0),
    mtime_ns     INTEGER NOT NULL,
    sha256       TEXT    NOT NULL CHECK (length(sha256) = 64),
    format       TEXT    NOT NULL CHECK (format IN ('docker-save', 'oci', 'both')),
    image_id     TEXT    NOT NULL CHECK (image_id LIKE 'sha256:%'),
    architecture TEXT    NOT NULL,
    os           TEXT    NOT NULL,
    tags         TEXT    NOT NULL CHECK (json_valid(tags)),
    verified_ms  INTEGER NOT NULL
) WITHOUT ROWID;

-- julianday, because SQLite before 3.42 knows the present time in milliseconds in no other way.
CREATE VIEW lease_state AS
SELECT
    name,
    holder_pid || '@' || holder_host AS holder,
    token,
    strftime('%Y-%m-%dT%H:%M:%fZ', acquired_ms / 1000.0, 'unixepoch')  AS acquired_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', heartbeat_ms / 1000.0, 'unixepoch') AS heartbeat_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', expires_ms / 1000.0, 'unixepoch')   AS expires_at,
    coalesce(expires_ms > (julianday('now') - 2440587.5) * 86400000.0, 0) AS live,
    run_id
FROM lease;
