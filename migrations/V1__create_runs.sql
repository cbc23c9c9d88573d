-- Runs, what ran in them, and what came of it. Every table is described in README.md.
-- Times are UTC milliseconds since the epoch (_ms), durations are microseconds (_us).

-- AUTOINCREMENT, so that the number of a run is never given to another one.
CREATE TABLE run (
    run_id            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    uuid              TEXT    NOT NULL UNIQUE,
    trigger           TEXT    NOT NULL CHECK (trigger IN ('manual', 'schedule', 'library')),
    project           TEXT    NOT NULL,
    executor          TEXT    NOT NULL CHECK (executor IN ('host', 'docker', 'podman')),
    workers           INTEGER NOT NULL CHECK (workers >= 1),
    pytest_args       TEXT    NOT NULL CHECK (json_valid(pytest_args)),
    selection_key     TEXT    NOT NULL,
    agent_version     TEXT    NOT NULL,
    holder_pid        INTEGER NOT NULL CHECK (holder_pid >= 0),
    holder_boot_id    TEXT    NOT NULL,
    holder_start_time INTEGER,
    started_ms        INTEGER NOT NULL,
    active_ms         INTEGER NOT NULL,
    finished_ms       INTEGER,
    outcome           TEXT    CHECK (outcome IN ('passed', 'failed', 'incomplete', 'interrupted', 'error', 'empty')),
    exit_code         INTEGER CHECK (exit_code BETWEEN 0 AND 255),
    git_commit        TEXT,
    git_dirty         INTEGER CHECK (git_dirty IN (0, 1)),
    passed            INTEGER NOT NULL DEFAULT 0 CHECK (passed >= 0),
    failed            INTEGER NOT NULL DEFAULT 0 CHECK (failed >= 0),
    error             INTEGER NOT NULL DEFAULT 0 CHECK (error >= 0),
    skipped           INTEGER NOT NULL DEFAULT 0 CHECK (skipped >= 0),
    xfailed           INTEGER NOT NULL DEFAULT 0 CHECK (xfailed >= 0),
    xpassed           INTEGER NOT NULL DEFAULT 0 CHECK (xpassed >= 0),
    crashed           INTEGER NOT NULL DEFAULT 0 CHECK (crashed >= 0),
    timed_out         INTEGER NOT NULL DEFAULT 0 CHECK (timed_out >= 0),
    not_run           INTEGER NOT NULL DEFAULT 0 CHECK (not_run >= 0),
    flaky             INTEGER NOT NULL DEFAULT 0 CHECK (flaky >= 0),
    -- A run has ended altogether or not at all.
    CHECK ((finished_ms IS NULL) = (outcome IS NULL)),
    CHECK ((finished_ms IS NULL) = (exit_code IS NULL)),
    CHECK ((git_commit IS NULL) = (git_dirty IS NULL))
) STRICT;

-- Finds the previous run that selected the same tests in the same way.
CREATE INDEX run_by_selection ON run (selection_key, run_id);

CREATE TABLE shard (
    run_id      INTEGER NOT NULL REFERENCES run (run_id),
    shard       INTEGER NOT NULL CHECK (shard >= 0),
    path        TEXT    NOT NULL,
    python      TEXT,
    pytest      TEXT,
    executable  TEXT,
    finished_ms INTEGER,
    exit_status INTEGER,
    deaths      INTEGER NOT NULL DEFAULT 0 CHECK (deaths >= 0),
    PRIMARY KEY (run_id, shard),
    CHECK ((python IS NULL) = (pytest IS NULL)),
    CHECK ((python IS NULL) = (executable IS NULL))
) STRICT, WITHOUT ROWID;

-- A process id can come again within a run, hence the start in the key.
CREATE TABLE process (
    run_id     INTEGER NOT NULL,
    shard      INTEGER NOT NULL,
    pid        INTEGER NOT NULL CHECK (pid >= 0),
    started_ms INTEGER NOT NULL,
    boot_id    TEXT    NOT NULL,
    start_time INTEGER,
    ended_ms   INTEGER,
    status     TEXT,
    PRIMARY KEY (run_id, shard, pid, started_ms),
    FOREIGN KEY (run_id, shard) REFERENCES shard (run_id, shard),
    CHECK ((ended_ms IS NULL) = (status IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE file (
    file_id INTEGER NOT NULL PRIMARY KEY,
    path    TEXT    NOT NULL UNIQUE
) STRICT;

-- The node id comes first in the key, because that is what people ask for.
CREATE TABLE test (
    test_id INTEGER NOT NULL PRIMARY KEY,
    root    TEXT    NOT NULL,
    nodeid  TEXT    NOT NULL,
    file_id INTEGER NOT NULL REFERENCES file (file_id),
    line    INTEGER CHECK (line >= 0),
    UNIQUE (nodeid, root)
) STRICT;

-- Texts that repeat from run to run, kept once: zstd frames under the SHA-256 of the plain text.
CREATE TABLE content (
    content_id INTEGER NOT NULL PRIMARY KEY,
    sha256     BLOB    NOT NULL UNIQUE CHECK (length(sha256) = 32),
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    body       BLOB    NOT NULL
) STRICT;

-- Ordered by run, so that a run appends and never rewrites the pages of earlier ones; there is
-- no index by test for the same reason, and the planner skips from run to run instead.
CREATE TABLE attempt (
    run_id         INTEGER NOT NULL,
    test_id        INTEGER NOT NULL REFERENCES test (test_id),
    attempt        INTEGER NOT NULL CHECK (attempt >= 1),
    shard          INTEGER NOT NULL,
    outcome        TEXT    NOT NULL CHECK (outcome IN ('passed', 'failed', 'error', 'skipped', 'xfailed', 'xpassed', 'crashed', 'timed_out', 'not_run')),
    is_last        INTEGER NOT NULL CHECK (is_last IN (0, 1)),
    flaky          INTEGER NOT NULL CHECK (flaky IN (0, 1)),
    started_ms     INTEGER,
    duration_us    INTEGER CHECK (duration_us >= 0),
    setup_us       INTEGER CHECK (setup_us >= 0),
    call_us        INTEGER CHECK (call_us >= 0),
    teardown_us    INTEGER CHECK (teardown_us >= 0),
    cpu_us         INTEGER CHECK (cpu_us >= 0),
    peak_rss_bytes INTEGER CHECK (peak_rss_bytes >= 0),
    worker         TEXT,
    message        TEXT,
    details_id     INTEGER REFERENCES content (content_id),
    PRIMARY KEY (run_id, test_id, attempt),
    FOREIGN KEY (run_id, shard) REFERENCES shard (run_id, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE notice (
    run_id   INTEGER NOT NULL REFERENCES run (run_id),
    position INTEGER NOT NULL CHECK (position >= 1),
    level    TEXT    NOT NULL CHECK (level IN ('info', 'warning')),
    code     TEXT    NOT NULL,
    message  TEXT    NOT NULL,
    hint     TEXT,
    PRIMARY KEY (run_id, position),
    UNIQUE (run_id, code, message)
) STRICT, WITHOUT ROWID;

CREATE TABLE warning (
    warning_id INTEGER NOT NULL PRIMARY KEY,
    category   TEXT    NOT NULL,
    message    TEXT    NOT NULL,
    file_id    INTEGER NOT NULL REFERENCES file (file_id),
    line       INTEGER NOT NULL CHECK (line >= 0),
    UNIQUE (file_id, line, category, message)
) STRICT;

CREATE TABLE run_warning (
    run_id     INTEGER NOT NULL REFERENCES run (run_id),
    warning_id INTEGER NOT NULL REFERENCES warning (warning_id),
    nodeid     TEXT,
    times_seen INTEGER NOT NULL CHECK (times_seen >= 1),
    PRIMARY KEY (run_id, warning_id)
) STRICT, WITHOUT ROWID;
