-- Tests and what came of them in each run: attempts, executed lines, warnings.

CREATE TABLE file (
    file_id INTEGER NOT NULL PRIMARY KEY,
    path    TEXT    NOT NULL UNIQUE
);

-- The node id comes first in the key, because that is what people ask for.
CREATE TABLE test (
    test_id INTEGER NOT NULL PRIMARY KEY,
    root    TEXT    NOT NULL,
    nodeid  TEXT    NOT NULL,
    file_id INTEGER NOT NULL REFERENCES file (file_id),
    line    INTEGER CHECK (line >= 0),
    UNIQUE (nodeid, root)
);

-- Texts that repeat from run to run, kept once: zstd frames under the SHA-256 of the plain text.
CREATE TABLE content (
    content_id INTEGER NOT NULL PRIMARY KEY,
    sha256     BLOB    NOT NULL UNIQUE CHECK (length(sha256) = 32),
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    body       BLOB    NOT NULL
);

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
) WITHOUT ROWID;

-- The lines of a source file that a run executed, and the branches that it did not take.
CREATE TABLE coverage (
    run_id              INTEGER NOT NULL REFERENCES run (run_id),
    file_id             INTEGER NOT NULL REFERENCES file (file_id),
    statements          INTEGER NOT NULL CHECK (statements >= 0),
    covered             INTEGER NOT NULL CHECK (covered BETWEEN 0 AND statements),
    statement_lines_id  INTEGER NOT NULL REFERENCES content (content_id),
    executed_lines_id   INTEGER NOT NULL REFERENCES content (content_id),
    -- NULL if coverage counted lines alone.
    branches            INTEGER CHECK (branches >= 0),
    covered_branches    INTEGER CHECK (covered_branches BETWEEN 0 AND branches),
    missing_branches_id INTEGER REFERENCES content (content_id),
    PRIMARY KEY (run_id, file_id),
    CHECK ((branches IS NULL) = (covered_branches IS NULL)),
    CHECK ((branches IS NULL) = (missing_branches_id IS NULL))
) WITHOUT ROWID;

-- The files that a process of the run loaded, and the test files that this is all of; a name a line.
CREATE TABLE load (
    run_id   INTEGER NOT NULL REFERENCES run (run_id),
    serial   INTEGER NOT NULL CHECK (serial >= 1),
    tests_id INTEGER NOT NULL REFERENCES content (content_id),
    files_id INTEGER NOT NULL REFERENCES content (content_id),
    PRIMARY KEY (run_id, serial)
) WITHOUT ROWID;

CREATE TABLE warning (
    warning_id INTEGER NOT NULL PRIMARY KEY,
    category   TEXT    NOT NULL,
    message    TEXT    NOT NULL,
    file_id    INTEGER NOT NULL REFERENCES file (file_id),
    line       INTEGER NOT NULL CHECK (line >= 0),
    UNIQUE (file_id, line, category, message)
);

CREATE TABLE run_warning (
    run_id     INTEGER NOT NULL REFERENCES run (run_id),
    warning_id INTEGER NOT NULL REFERENCES warning (warning_id),
    nodeid     TEXT,
    times_seen INTEGER NOT NULL CHECK (times_seen >= 1),
    PRIMARY KEY (run_id, warning_id)
) WITHOUT ROWID;

-- LEFT JOIN, so that questions about many tests read the attempts once, in their order. Conditions
-- on a test or a file make SQLite begin there all the same.
CREATE VIEW test_outcome AS
SELECT
    a.run_id,
    t.nodeid,
    f.path AS file,
    a.outcome,
    a.flaky,
    a.attempt AS attempts,
    a.duration_us / 1e6 AS duration_s,
    a.message,
    t.root,
    t.line
FROM attempt AS a
LEFT JOIN test AS t ON t.test_id = a.test_id
LEFT JOIN file AS f ON f.file_id = t.file_id
WHERE a.is_last = 1;

CREATE VIEW test_attempt AS
SELECT
    a.run_id,
    t.nodeid,
    a.attempt,
    a.outcome,
    strftime('%Y-%m-%dT%H:%M:%fZ', a.started_ms / 1000.0, 'unixepoch') AS started_at,
    a.duration_us / 1e6 AS duration_s,
    a.worker,
    a.peak_rss_bytes,
    f.path AS file,
    a.message,
    a.setup_us / 1e6 AS setup_s,
    a.call_us / 1e6 AS call_s,
    a.teardown_us / 1e6 AS teardown_s,
    a.cpu_us / 1e6 AS cpu_s,
    t.root
FROM attempt AS a
LEFT JOIN test AS t ON t.test_id = a.test_id
LEFT JOIN file AS f ON f.file_id = t.file_id;

CREATE VIEW file_coverage AS
SELECT
    c.run_id,
    f.path AS file,
    c.statements,
    c.covered,
    100.0 * (c.covered + coalesce(c.covered_branches, 0))
        / nullif(c.statements + coalesce(c.branches, 0), 0) AS percent,
    c.branches,
    c.covered_branches,
    (SELECT run.coverage_partial FROM run WHERE run.run_id = c.run_id) AS partial
FROM coverage AS c
LEFT JOIN file AS f ON f.file_id = c.file_id;
