-- What was executed: totals of a run, and the lines of each of its source files.

ALTER TABLE run ADD COLUMN statements INTEGER CHECK (statements >= 0);
ALTER TABLE run ADD COLUMN covered INTEGER CHECK (covered BETWEEN 0 AND statements);

CREATE TABLE coverage (
    run_id              INTEGER NOT NULL REFERENCES run (run_id),
    file_id             INTEGER NOT NULL REFERENCES file (file_id),
    statements          INTEGER NOT NULL CHECK (statements >= 0),
    covered             INTEGER NOT NULL CHECK (covered BETWEEN 0 AND statements),
    statement_lines_id  INTEGER NOT NULL REFERENCES content (content_id),
    executed_lines_id   INTEGER NOT NULL REFERENCES content (content_id),
    PRIMARY KEY (run_id, file_id)
) STRICT, WITHOUT ROWID;
