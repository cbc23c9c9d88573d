-- The public interface: tables may change under these views, their columns stay.
-- Times are ISO 8601 texts in UTC with milliseconds, durations are seconds.

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
    NULL AS image,
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
    100.0 * covered / nullif(statements, 0) AS coverage_percent,
    NULL AS orphan_total,
    NULL AS orphan_passed,
    NULL AS orphan_failed,
    git_commit,
    git_dirty
FROM run;

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
JOIN test AS t ON t.test_id = a.test_id
JOIN file AS f ON f.file_id = t.file_id
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
JOIN test AS t ON t.test_id = a.test_id
JOIN file AS f ON f.file_id = t.file_id;

CREATE VIEW file_coverage AS
SELECT
    c.run_id,
    f.path AS file,
    c.statements,
    c.covered,
    100.0 * c.covered / nullif(c.statements, 0) AS percent
FROM coverage AS c
JOIN file AS f ON f.file_id = c.file_id;

CREATE VIEW self_test_history AS
SELECT
    finished_at AS ts,
    passed,
    failed + error + crashed + timed_out AS failed,
    coverage_percent AS coverage,
    duration_s AS runtime
FROM run_summary
WHERE finished_at IS NOT NULL;
