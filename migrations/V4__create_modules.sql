-- The project's modules: what was read of their files, which of them no test reaches, what came of
-- trying those, and where they belong.

-- Read again only where size, time or content differ.
CREATE TABLE source_file (
    path         TEXT    NOT NULL PRIMARY KEY,
    size_bytes   INTEGER NOT NULL CHECK (size_bytes >= 0),
    -- NULL where it was changed so shortly before it was read that its time says nothing.
    mtime_ns     INTEGER,
    content_hash BLOB    NOT NULL CHECK (length(content_hash) = 16),
    -- What it says of imports, or why that cannot be told, with a version and a checksum.
    reading      BLOB    NOT NULL
);

-- The scan that the list of orphans comes from: no row, or one.
CREATE TABLE scan (
    scan_id     INTEGER NOT NULL PRIMARY KEY CHECK (scan_id = 1),
    project     TEXT    NOT NULL,
    scanned_ms  INTEGER NOT NULL,
    files       INTEGER NOT NULL CHECK (files >= 0),
    analysed    INTEGER NOT NULL CHECK (analysed BETWEEN 0 AND files),
    -- Which discoveries it was made with, separated by spaces.
    discoveries TEXT    NOT NULL
);

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
    extra           TEXT    CHECK (extra IS NULL OR json_valid(extra))
);

-- A count of orphans reads no texts.
CREATE INDEX orphan_by_kind ON orphan (kind, status);

-- Taken off the module map by hand: no run puts it there again. Apart from the list, which changes.
CREATE TABLE held_back (
    file_id INTEGER NOT NULL PRIMARY KEY REFERENCES file (file_id)
);

-- Orphans that somebody took off the list: a run does not list them again by itself.
CREATE TABLE taken_off (
    file_id INTEGER NOT NULL PRIMARY KEY REFERENCES file (file_id)
);

-- The orphans whose imports lead to an orphan.
CREATE TABLE orphan_lead (
    file_id    INTEGER NOT NULL REFERENCES orphan (file_id) ON DELETE CASCADE,
    by_file_id INTEGER NOT NULL REFERENCES file (file_id),
    PRIMARY KEY (file_id, by_file_id)
) WITHOUT ROWID;

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
) WITHOUT ROWID;

CREATE TABLE module_map (
    file_id  INTEGER NOT NULL PRIMARY KEY REFERENCES file (file_id),
    module   TEXT    NOT NULL CHECK (module <> ''),
    group_id INTEGER NOT NULL CHECK (group_id >= 0),
    source   TEXT    NOT NULL CHECK (source IN ('build', 'file', 'run', 'command')),
    run_id   INTEGER REFERENCES run (run_id),
    added_ms INTEGER NOT NULL,
    CHECK (source <> 'run' OR run_id IS NOT NULL)
);

CREATE TABLE workflow (
    workflow_id INTEGER NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE CHECK (name <> ''),
    created_ms  INTEGER NOT NULL
);

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
) WITHOUT ROWID;

-- The JSON files of the data folder as they were last read or written.
CREATE TABLE mirror (
    name         TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
    size_bytes   INTEGER NOT NULL CHECK (size_bytes >= 0),
    mtime_ns     INTEGER NOT NULL,
    content_hash BLOB    NOT NULL CHECK (length(content_hash) = 16),
    -- What is in it besides entries.
    extra        TEXT    CHECK (extra IS NULL OR json_valid(extra))
) WITHOUT ROWID;

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
LEFT JOIN file AS f ON f.file_id = t.file_id;

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
