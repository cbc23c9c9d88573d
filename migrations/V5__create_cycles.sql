-- What a schedule needs: when it is due next, and what it did so far.

-- The schedule of the state file: no row, or one. Who keeps it has the lease `schedule`.
CREATE TABLE schedule (
    schedule_id   INTEGER NOT NULL PRIMARY KEY CHECK (schedule_id = 1),
    -- How due times follow each other, in words; another text is another schedule.
    spec          TEXT    NOT NULL CHECK (spec <> ''),
    -- What chance is made of, so that a due time is put off by the same time after a restart.
    seed          INTEGER NOT NULL,
    -- Up to here all due times had a cycle or are counted as missed; the next one. Without jitter.
    last_ms       INTEGER,
    next_ms       INTEGER NOT NULL,
    -- When the next cycle begins: with jitter, or sooner because it is a retry.
    due_ms        INTEGER NOT NULL,
    -- Cycles in a row that could not be carried out.
    failures      INTEGER NOT NULL CHECK (failures >= 0),
    -- The longest time from one due time to the next, where it is known.
    period_ms     INTEGER CHECK (period_ms >= 1),
    -- Where the exporter listens.
    listen        TEXT,
    started_ms    INTEGER NOT NULL,
    stopped_ms    INTEGER,
    agent_version TEXT    NOT NULL
);

-- AUTOINCREMENT, so that the number of a cycle is never given to another one.
CREATE TABLE cycle (
    cycle_id           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    reason             TEXT    NOT NULL CHECK (reason IN ('due', 'catch_up', 'retry', 'asked')),
    due_ms             INTEGER NOT NULL,
    -- Due times before this one at which nothing began.
    missed             INTEGER NOT NULL CHECK (missed >= 0),
    -- The process that carries it out.
    process_pid        INTEGER CHECK (process_pid >= 0),
    process_boot_id    TEXT,
    process_pid_space  TEXT,
    process_start_time INTEGER,
    started_ms         INTEGER NOT NULL,
    run_id             INTEGER UNIQUE REFERENCES run (run_id),
    finished_ms        INTEGER,
    outcome            TEXT    CHECK (outcome IN ('passed', 'failed', 'incomplete', 'interrupted', 'error', 'empty', 'not_started')),
    exit_code          INTEGER CHECK (exit_code BETWEEN 0 AND 255),
    -- Why it could not start, or what is to be known of its time.
    message            TEXT,
    -- Whether its record still has to be appended to the history file.
    unrecorded         INTEGER NOT NULL DEFAULT 0 CHECK (unrecorded IN (0, 1)),
    -- A cycle has ended altogether or not at all.
    CHECK ((finished_ms IS NULL) = (outcome IS NULL)),
    CHECK ((process_pid IS NULL) = (process_boot_id IS NULL)),
    CHECK ((process_pid IS NULL) = (process_pid_space IS NULL)),
    CHECK (process_pid IS NOT NULL OR process_start_time IS NULL),
    CHECK (outcome IS NOT 'not_started' OR run_id IS NULL)
);

-- Found at once among years of cycles.
CREATE INDEX cycle_open ON cycle (cycle_id) WHERE finished_ms IS NULL;
CREATE INDEX cycle_unrecorded ON cycle (cycle_id) WHERE unrecorded = 1;

CREATE VIEW cycle_summary AS
SELECT
    cycle_id,
    reason,
    strftime('%Y-%m-%dT%H:%M:%fZ', due_ms / 1000.0, 'unixepoch')      AS due_at,
    missed,
    strftime('%Y-%m-%dT%H:%M:%fZ', started_ms / 1000.0, 'unixepoch')  AS started_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', finished_ms / 1000.0, 'unixepoch') AS finished_at,
    max(finished_ms - started_ms, 0) / 1000.0 AS duration_s,
    outcome,
    exit_code,
    run_id,
    message
FROM cycle;

CREATE VIEW schedule_state AS
SELECT
    spec,
    strftime('%Y-%m-%dT%H:%M:%fZ', due_ms / 1000.0, 'unixepoch')     AS due_at,
    period_ms / 1000.0 AS period_s,
    failures,
    listen,
    strftime('%Y-%m-%dT%H:%M:%fZ', started_ms / 1000.0, 'unixepoch') AS started_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', stopped_ms / 1000.0, 'unixepoch') AS stopped_at,
    agent_version
FROM schedule;
