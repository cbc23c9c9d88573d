-- A state file of schema version 5, as `sqlite3 agent.db .dump` writes it.
PRAGMA foreign_keys = OFF;
PRAGMA application_id = 1296123732;
BEGIN TRANSACTION;
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
INSERT INTO attempt VALUES(1,1,1,0,'passed',1,0,1735689600005,250000,50000,150000,50000,200000,50000000,'main',NULL,NULL);
INSERT INTO attempt VALUES(1,2,1,0,'failed',1,0,1735689600005,250000,50000,150000,50000,200000,50000000,'main','assert 3 == 4',1);
INSERT INTO attempt VALUES(1,3,1,0,'failed',0,0,1735689600005,250000,50000,150000,50000,200000,50000000,'main','connection refused',NULL);
INSERT INTO attempt VALUES(1,3,2,0,'passed',1,1,1735689600005,1500000,50000,150000,50000,200000,50000000,'main',NULL,NULL);
INSERT INTO attempt VALUES(1,4,1,0,'skipped',1,0,1735689600005,250000,50000,150000,50000,200000,50000000,'main',NULL,NULL);
INSERT INTO attempt VALUES(1,5,1,0,'not_run',1,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO attempt VALUES(2,1,1,0,'not_run',1,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO attempt VALUES(2,2,1,0,'passed',1,0,1735689600005,250000,50000,150000,50000,200000,50000000,'main',NULL,NULL);
INSERT INTO attempt VALUES(2,3,1,0,'not_run',1,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO attempt VALUES(2,4,1,0,'not_run',1,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO attempt VALUES(2,5,1,0,'not_run',1,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE content (
    content_id INTEGER NOT NULL PRIMARY KEY,
    sha256     BLOB    NOT NULL UNIQUE CHECK (length(sha256) = 32),
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    body       BLOB    NOT NULL
) STRICT;
INSERT INTO content VALUES(1,X'137aee4b9cffa9d0c4096c3e33fc58bfe67dfa56b8d5b1d526b1eeaf80b3e612',160,X'28b52ffd20a0cd030032881a1c8035ea6c8526ef8974764914443e3e18f001e31f3c14ee30928379691122ba268751cf86176510efea1b90fbf4b54ef13e0d6e33267bd6b9c2d5732db3870eea4d1b66956c4f1718341918415c1c4e8697656b678226aa08205e625bae01126dfbeacc49b668b30e0504003a054128f93a9921069e');
INSERT INTO content VALUES(2,X'07d3d4d89d9a4c45ab50597543c0f0fec18337156083e53955b12a070482d202',3,X'28b52ffd2003190000312d34');
INSERT INTO content VALUES(3,X'f261d3d442c8de6223a64cd2cce530900639fa6ad865fd3cec08f3c9909144cb',3,X'28b52ffd2003190000312d33');
INSERT INTO content VALUES(4,X'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',0,X'28b52ffd2000010000');
CREATE TABLE coverage (
    run_id              INTEGER NOT NULL REFERENCES run (run_id),
    file_id             INTEGER NOT NULL REFERENCES file (file_id),
    statements          INTEGER NOT NULL CHECK (statements >= 0),
    covered             INTEGER NOT NULL CHECK (covered BETWEEN 0 AND statements),
    statement_lines_id  INTEGER NOT NULL REFERENCES content (content_id),
    executed_lines_id   INTEGER NOT NULL REFERENCES content (content_id),
    PRIMARY KEY (run_id, file_id)
) STRICT, WITHOUT ROWID;
INSERT INTO coverage VALUES(1,3,4,3,2,3);
INSERT INTO coverage VALUES(1,4,0,0,4,4);
CREATE TABLE file (
    file_id INTEGER NOT NULL PRIMARY KEY,
    path    TEXT    NOT NULL UNIQUE
) STRICT;
INSERT INTO file VALUES(1,'tests/test_add.py');
INSERT INTO file VALUES(2,'tests/test_net.py');
INSERT INTO file VALUES(3,'src/add.py');
INSERT INTO file VALUES(4,'src/empty.py');
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
INSERT INTO notice VALUES(1,1,'info','xdist-missing','pytest-xdist is not there',NULL);
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
INSERT INTO process VALUES(1,0,4243,1735689600001,'6f3a',1234567,1735689602400,'exit status 1');
INSERT INTO process VALUES(2,0,4243,1735689600001,'6f3a',1234567,NULL,NULL);
CREATE TABLE refinery_schema_history(version int4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255));
INSERT INTO refinery_schema_history VALUES(1,'create_runs','2025-01-01T00:00:00Z','16973409832528086942');
INSERT INTO refinery_schema_history VALUES(2,'create_coverage','2025-01-01T00:00:00Z','15602174693748527954');
INSERT INTO refinery_schema_history VALUES(3,'create_views','2025-01-01T00:00:00Z','12920057840653391121');
INSERT INTO refinery_schema_history VALUES(4,'create_leases','2025-01-01T00:00:00Z','10986103744039875341');
INSERT INTO refinery_schema_history VALUES(5,'create_modules','2026-11-25T16:42:01.713740898Z','9844135385973921650');
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
    flaky             INTEGER NOT NULL DEFAULT 0 CHECK (flaky >= 0), statements INTEGER CHECK (statements >= 0), covered INTEGER CHECK (covered BETWEEN 0 AND statements), image TEXT CHECK (image IS NULL OR executor <> 'host'), lease_token INTEGER CHECK (lease_token >= 1), orphan_total INTEGER CHECK (orphan_total >= 0), orphan_passed INTEGER CHECK (orphan_passed BETWEEN 0 AND orphan_total), orphan_failed INTEGER CHECK (orphan_failed BETWEEN 0 AND orphan_total), integrated TEXT CHECK (json_valid(integrated)), redundant TEXT CHECK (json_valid(redundant)),
    -- A run has ended altogether or not at all.
    CHECK ((finished_ms IS NULL) = (outcome IS NULL)),
    CHECK ((finished_ms IS NULL) = (exit_code IS NULL)),
    CHECK ((git_commit IS NULL) = (git_dirty IS NULL))
) STRICT;
INSERT INTO run VALUES(1,'01a20b9d-b477-7717-a605-f0a25d9806f3','manual','/home/lab/project','host',2,'["-k","not slow"]','tests -k ''not slow''','0.1.0',4242,'6f3a',1234567,1735689600000,1735689602500,1735689602500,'failed',1,'5f2b1c',1,2,1,0,1,0,0,0,0,1,1,4,3,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO run VALUES(2,'01a20b9d-b47b-7340-be46-58b387a2ac69','manual','/home/lab/project','host',2,'["-k","not slow"]','tests -k ''not slow''','0.1.0',4242,'6f3a',1234567,1735689600000,1735689602500,NULL,NULL,NULL,'5f2b1c',1,0,0,0,0,0,0,0,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE run_warning (
    run_id     INTEGER NOT NULL REFERENCES run (run_id),
    warning_id INTEGER NOT NULL REFERENCES warning (warning_id),
    nodeid     TEXT,
    times_seen INTEGER NOT NULL CHECK (times_seen >= 1),
    PRIMARY KEY (run_id, warning_id)
) STRICT, WITHOUT ROWID;
INSERT INTO run_warning VALUES(1,1,NULL,4);
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
INSERT INTO shard VALUES(1,0,'tests','3.11.7','8.3.4','/usr/bin/python3',1735689602450,1,0);
INSERT INTO shard VALUES(2,0,'tests','3.11.7','8.3.4','/usr/bin/python3',NULL,NULL,0);
CREATE TABLE test (
    test_id INTEGER NOT NULL PRIMARY KEY,
    root    TEXT    NOT NULL,
    nodeid  TEXT    NOT NULL,
    file_id INTEGER NOT NULL REFERENCES file (file_id),
    line    INTEGER CHECK (line >= 0),
    UNIQUE (nodeid, root)
) STRICT;
INSERT INTO test VALUES(1,'','tests/test_add.py::test_zero',1,7);
INSERT INTO test VALUES(2,'','tests/test_add.py::test_add',1,7);
INSERT INTO test VALUES(3,'','tests/test_net.py::test_ping',2,7);
INSERT INTO test VALUES(4,'','tests/test_net.py::test_old',2,7);
INSERT INTO test VALUES(5,'','tests/test_net.py::test_last',2,7);
CREATE TABLE warning (
    warning_id INTEGER NOT NULL PRIMARY KEY,
    category   TEXT    NOT NULL,
    message    TEXT    NOT NULL,
    file_id    INTEGER NOT NULL REFERENCES file (file_id),
    line       INTEGER NOT NULL CHECK (line >= 0),
    UNIQUE (file_id, line, category, message)
) STRICT;
INSERT INTO warning VALUES(1,'DeprecationWarning','old',3,3);
CREATE TABLE lease (
    name              TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
    token             INTEGER NOT NULL CHECK (token >= 1),
    run_id            INTEGER REFERENCES run (run_id),
    holder_host       TEXT,
    holder_pid        INTEGER CHECK (holder_pid >= 0),
    holder_boot_id    TEXT,
    holder_start_time INTEGER,
    acquired_ms       INTEGER,
    heartbeat_ms      INTEGER,
    expires_ms        INTEGER,
    -- A lease is held altogether or not at all.
    CHECK ((holder_host IS NULL) = (holder_pid IS NULL)),
    CHECK ((holder_host IS NULL) = (holder_boot_id IS NULL)),
    CHECK ((holder_host IS NULL) = (acquired_ms IS NULL)),
    CHECK ((holder_host IS NULL) = (heartbeat_ms IS NULL)),
    CHECK ((holder_host IS NULL) = (expires_ms IS NULL)),
    CHECK (holder_host IS NOT NULL OR (run_id IS NULL AND holder_start_time IS NULL))
) STRICT, WITHOUT ROWID;
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
) STRICT, WITHOUT ROWID;
CREATE TABLE counter (
    name  TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
    value INTEGER NOT NULL CHECK (value >= 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE source_file (
    path         TEXT    NOT NULL PRIMARY KEY,
    size_bytes   INTEGER NOT NULL CHECK (size_bytes >= 0),
    -- NULL where it was changed so shortly before it was read that its time says nothing.
    mtime_ns     INTEGER,
    content_hash BLOB    NOT NULL CHECK (length(content_hash) = 16),
    -- What it says of imports, or why that cannot be told, with a version and a checksum.
    reading      BLOB    NOT NULL
) STRICT;
CREATE TABLE scan (
    scan_id     INTEGER NOT NULL PRIMARY KEY CHECK (scan_id = 1),
    project     TEXT    NOT NULL,
    scanned_ms  INTEGER NOT NULL,
    files       INTEGER NOT NULL CHECK (files >= 0),
    analysed    INTEGER NOT NULL CHECK (analysed BETWEEN 0 AND files),
    -- Which discoveries it was made with, separated by spaces.
    discoveries TEXT    NOT NULL
) STRICT;
CREATE TABLE orphan (
    file_id         INTEGER NOT NULL PRIMARY KEY REFERENCES file (file_id),
    module          TEXT    NOT NULL CHECK (module <> ''),
    kind            TEXT    NOT NULL CHECK (kind IN ('unreferenced', 'island', 'untested', 'isolated')),
    isolated        INTEGER NOT NULL CHECK (isolated IN (0, 1)),
    reason          TEXT    NOT NULL,
    source          TEXT    NOT NULL CHECK (source IN ('scan', 'file')),
    status          TEXT    NOT NULL CHECK (status IN ('untried', 'passed', 'failed', 'crashed', 'timed_out', 'integrated', 'redundant')),
    first_seen_ms   INTEGER NOT NULL,
    first_seen_run  INTEGER REFERENCES run (run_id),
    last_tested_run INTEGER REFERENCES run (run_id),
    message         TEXT,
    -- Fields of orphan_modules.json that are not the agent's.
    extra           TEXT    CHECK (json_valid(extra))
) STRICT;
CREATE TABLE held_back (
    file_id INTEGER NOT NULL PRIMARY KEY REFERENCES file (file_id)
) STRICT;
CREATE TABLE orphan_lead (
    file_id    INTEGER NOT NULL REFERENCES orphan (file_id) ON DELETE CASCADE,
    by_file_id INTEGER NOT NULL REFERENCES file (file_id),
    PRIMARY KEY (file_id, by_file_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE trial (
    run_id      INTEGER NOT NULL REFERENCES run (run_id),
    file_id     INTEGER NOT NULL REFERENCES file (file_id),
    module      TEXT    NOT NULL,
    outcome     TEXT    NOT NULL CHECK (outcome IN ('passed', 'failed', 'crashed', 'timed_out', 'not_run')),
    duration_us INTEGER CHECK (duration_us >= 0),
    doctests    INTEGER NOT NULL CHECK (doctests >= 0),
    tests       INTEGER NOT NULL CHECK (tests >= 0),
    touched     INTEGER NOT NULL CHECK (touched >= 0),
    message     TEXT,
    details_id  INTEGER REFERENCES content (content_id),
    PRIMARY KEY (run_id, file_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE module_map (
    file_id  INTEGER NOT NULL PRIMARY KEY REFERENCES file (file_id),
    module   TEXT    NOT NULL CHECK (module <> ''),
    group_id INTEGER NOT NULL CHECK (group_id >= 0),
    source   TEXT    NOT NULL CHECK (source IN ('build', 'file', 'run', 'command')),
    run_id   INTEGER REFERENCES run (run_id),
    added_ms INTEGER NOT NULL,
    CHECK (source <> 'run' OR run_id IS NOT NULL)
) STRICT;
CREATE TABLE workflow (
    workflow_id INTEGER NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE CHECK (name <> ''),
    created_ms  INTEGER NOT NULL
) STRICT;
CREATE TABLE workflow_step (
    workflow_id INTEGER NOT NULL REFERENCES workflow (workflow_id) ON DELETE CASCADE,
    position    INTEGER NOT NULL CHECK (position >= 1),
    file_id     INTEGER NOT NULL REFERENCES file (file_id),
    module      TEXT    NOT NULL CHECK (module <> ''),
    source      TEXT    NOT NULL CHECK (source IN ('run', 'command')),
    run_id      INTEGER REFERENCES run (run_id),
    added_ms    INTEGER NOT NULL,
    PRIMARY KEY (workflow_id, position),
    UNIQUE (workflow_id, file_id),
    CHECK (source <> 'run' OR run_id IS NOT NULL)
) STRICT, WITHOUT ROWID;
CREATE TABLE mirror (
    name         TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
    size_bytes   INTEGER NOT NULL CHECK (size_bytes >= 0),
    mtime_ns     INTEGER NOT NULL,
    content_hash BLOB    NOT NULL CHECK (length(content_hash) = 16),
    -- What is in it besides entries.
    extra        TEXT    CHECK (json_valid(extra))
) STRICT, WITHOUT ROWID;
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('run',2);
CREATE INDEX run_by_selection ON run (selection_key, run_id);
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
CREATE VIEW orphan_module AS
SELECT
    o.module,
    o.kind,
    o.reason,
    o.status,
    o.first_seen_run,
    o.last_tested_run,
    o.message,
    f.path AS file,
    o.isolated,
    strftime('%Y-%m-%dT%H:%M:%fZ', o.first_seen_ms / 1000.0, 'unixepoch') AS first_seen_at
FROM orphan AS o
JOIN file AS f ON f.file_id = o.file_id;
CREATE VIEW orphan_trial AS
SELECT
    t.run_id,
    t.module,
    f.path AS file,
    t.outcome,
    t.duration_us / 1e6 AS duration_s,
    t.doctests,
    t.tests,
    t.touched,
    t.message
FROM trial AS t
JOIN file AS f ON f.file_id = t.file_id;
CREATE VIEW module_group AS
SELECT
    m.module,
    m.group_id,
    m.source,
    m.run_id AS added_run,
    f.path AS file
FROM module_map AS m
JOIN file AS f ON f.file_id = m.file_id;
CREATE VIEW workflow_module AS
SELECT
    w.name AS workflow,
    s.position,
    s.module,
    s.source,
    s.run_id AS added_run,
    f.path AS file
FROM workflow_step AS s
JOIN workflow AS w ON w.workflow_id = s.workflow_id
JOIN file AS f ON f.file_id = s.file_id;
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
    100.0 * covered / nullif(statements, 0) AS coverage_percent,
    orphan_total,
    orphan_passed,
    orphan_failed,
    git_commit,
    git_dirty
FROM run
;
CREATE VIEW self_test_history AS
SELECT
    finished_at AS ts,
    passed,
    failed + error + crashed + timed_out AS failed,
    coverage_percent AS coverage,
    duration_s AS runtime
FROM run_summary
WHERE finished_at IS NOT NULL;
COMMIT;
