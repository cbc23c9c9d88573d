-- Runs, what they consist of, and what is counted over all of them.
-- Times are UTC milliseconds since the epoch (_ms), durations are microseconds (_us); in views they
-- are ISO 8601 texts in UTC with milliseconds, and seconds. Every table is described in README.md.
-- Views are the public interface: tables may change under them, their columns stay.

-- AUTOINCREMENT, so that the number of a run is never given to another one.
CREATE TABLE run (
    run_id            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    uuid              TEXT    NOT NULL UNIQUE,
    trigger           TEXT    NOT NULL CHECK (trigger IN ('manual', 'schedule', 'library')),
    project           TEXT    NOT NULL,
    -- No list: what can run a shard is known to the agent that wrote the row, and grows.
    executor          TEXT    NOT NULL CHECK (executor <> ''),
    image             TEXT    CHECK (image IS NULL OR executor <> 'host'),
    workers           INTEGER NOT NULL CHECK (workers >= 1),
    pytest_args       TEXT    NOT NULL CHECK (json_valid(pytest_args)),
    -- What picks some of the configured tests: a JSON array. NULL for a run of all of them.
    narrowed_by       TEXT    CHECK (narrowed_by IS NULL OR json_valid(narrowed_by)),
    selection_key     TEXT    NOT NULL,
    agent_version     TEXT    NOT NULL,
    holder_pid        INTEGER NOT NULL CHECK (holder_pid >= 0),
    holder_boot_id    TEXT    NOT NULL,
    -- Where its id counts: containers on one machine share its boot and not its processes.
    holder_pid_space  TEXT    NOT NULL,
    holder_start_time INTEGER,
    -- The lease under which it writes.
    lease_token       INTEGER CHECK (lease_token >= 1),
    started_ms        INTEGER NOT NULL,
    active_ms         INTEGER NOT NULL,
    finished_ms       INTEGER,
    outcome           TEXT    CHECK (outcome IN ('passed', 'failed', 'incomplete', 'interrupted', 'error', 'empty')),
    exit_code         INTEGER CHECK (exit_code BETWEEN 0 AND 255),
    -- Why it could not be carried out: a JSON object.
    failure           TEXT    CHECK (failure IS NULL OR json_valid(failure)),
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
    statements        INTEGER CHECK (statements >= 0),
    covered           INTEGER CHECK (covered BETWEEN 0 AND statements),
    -- NULL also if coverage counted lines alone.
    branches          INTEGER CHECK (branches >= 0),
    covered_branches  INTEGER CHECK (covered_branches BETWEEN 0 AND branches),
    -- A process ended before it could report all of its lines.
    coverage_partial  INTEGER NOT NULL DEFAULT 0 CHECK (coverage_partial IN (0, 1)),
    orphan_total      INTEGER CHECK (orphan_total >= 0),
    orphan_passed     INTEGER CHECK (orphan_passed BETWEEN 0 AND orphan_total),
    orphan_failed     INTEGER CHECK (orphan_failed BETWEEN 0 AND orphan_total),
    -- JSON arrays of files.
    integrated        TEXT    CHECK (integrated IS NULL OR json_valid(integrated)),
    redundant         TEXT    CHECK (redundant IS NULL OR json_valid(redundant)),
    -- A run has ended altogether or not at all.
    CHECK ((finished_ms IS NULL) = (outcome IS NULL)),
    CHECK ((finished_ms IS NULL) = (exit_code IS NULL)),
    CHECK (failure IS NULL OR finished_ms IS NOT NULL),
    CHECK ((git_commit IS NULL) = (git_dirty IS NULL)),
    CHECK ((statements IS NULL) = (covered IS NULL)),
    CHECK ((branches IS NULL) = (covered_branches IS NULL)),
    CHECK (branches IS NULL OR statements IS NOT NULL),
    CHECK ((orphan_total IS NULL) = (orphan_passed IS NULL)),
    CHECK ((orphan_total IS NULL) = (orphan_failed IS NULL)),
    CHECK ((integrated IS NULL) = (redundant IS NULL))
);

-- Finds the previous run that selected the same tests in the same way.
CREATE INDEX run_by_selection ON run (selection_key, run_id);
-- Found at once among years of runs: those without an end, and the last one that passed.
CREATE INDEX run_open ON run (run_id) WHERE finished_ms IS NULL;
CREATE INDEX run_passed ON run (run_id) WHERE outcome = 'passed';

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
) WITHOUT ROWID;

-- The processes of a run in the order of their starts. One without a shard tries orphans.
CREATE TABLE process (
    run_id     INTEGER NOT NULL REFERENCES run (run_id),
    serial     INTEGER NOT NULL CHECK (serial >= 1),
    shard      INTEGER,
    pid        INTEGER NOT NULL CHECK (pid >= 0),
    boot_id    TEXT    NOT NULL,
    pid_space  TEXT    NOT NULL,
    start_time INTEGER,
    started_ms INTEGER NOT NULL,
    ended_ms   INTEGER,
    status     TEXT,
    PRIMARY KEY (run_id, serial),
    FOREIGN KEY (run_id, shard) REFERENCES shard (run_id, shard),
    CHECK ((ended_ms IS NULL) = (status IS NULL))
) WITHOUT ROWID;

CREATE TABLE notice (
    run_id   INTEGER NOT NULL REFERENCES run (run_id),
    position INTEGER NOT NULL CHECK (position >= 1),
    level    TEXT    NOT NULL CHECK (level IN ('info', 'warning')),
    code     TEXT    NOT NULL,
    message  TEXT    NOT NULL,
    hint     TEXT,
    PRIMARY KEY (run_id, position),
    UNIQUE (run_id, code, message)
) WITHOUT ROWID;

-- What is counted over all runs and outlives them.
CREATE TABLE counter (
    name  TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
    value INTEGER NOT NULL CHECK (value >= 0)
) WITHOUT ROWID;

CREATE VIEW run_summary AS
SELECT
    run_id,
    uuid,
    trigger,
    strftime('%Y-%m-%dT%H:%M:%fZ', started_ms / 1000.0, 'unixepoch')  AS started_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', finished_ms / 1000.0, 'unixepoch') AS finished_at,
    -- A clock that was set back while the run went on makes it 0, not negative.
    max(finished_ms - started_ms, 0) / 1000.0 AS duration_s,
    outcome,
    exit_code,
    executor,
    image,
    workers,
    passed + failed + error + skipped + xfailed + xpassed + crashed + timed_out + not_run AS total,
    passed,
    failed,
    error,
    skipped,
    xfailed,
    xpassed,
    crashed,
    timed_out,
    not_run,
    flaky,
    100.0 * (covered + coalesce(covered_branches, 0))
        / nullif(statements + coalesce(branches, 0), 0) AS coverage_percent,
    coverage_partial,
    orphan_total,
    orphan_passed,
    orphan_failed,
    git_commit,
    git_dirty,
    json_extract(failure, '$.message')
        || coalesce((SELECT group_concat(': ' || trim(value), '') FROM json_each(failure, '$.causes')), '')
        AS failure,
    CASE WHEN narrowed_by IS NULL THEN 'whole' ELSE 'part' END AS scope,
    (SELECT group_concat(value, ' ') FROM json_each(narrowed_by)) AS narrowed_by
FROM run;

CREATE VIEW self_test_history AS
SELECT
    finished_at AS ts,
    passed,
    failed + error + crashed + timed_out AS failed,
    coverage_percent AS coverage,
    duration_s AS runtime
FROM run_summary
WHERE finished_at IS NOT NULL AND scope = 'whole' AND (outcome <> 'interrupted' OR total > not_run);
