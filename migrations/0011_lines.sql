-- How a line works: changed by approval. Lines of before are general ones, served day and night.
CREATE TABLE line_set (
    id BYTEA NOT NULL,
    authority TEXT NOT NULL,
    name TEXT NOT NULL,
    open BIGINT NOT NULL,
    next_ticket BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    external_id TEXT,
    version BIGINT NOT NULL,
    kind TEXT NOT NULL,
    hours TEXT NOT NULL,
    waiting_max BIGINT NOT NULL,
    overflow BYTEA,
    promise_s BIGINT,
    reply_minutes BIGINT NOT NULL,
    closing_message TEXT,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
INSERT INTO line_set (id, authority, name, open, next_ticket, opened_at, external_id, version, kind, hours, waiting_max, reply_minutes)
SELECT id, authority, name, open, next_ticket, opened_at, external_id, version, 'general', '"always"', 300, 120 FROM line;
DROP TABLE line;
ALTER TABLE line_set RENAME TO line;
CREATE UNIQUE INDEX line_by_external_id ON line (external_id);

-- Messages that were left, gates, and where one came from.
ALTER TABLE conversation ADD COLUMN reply_due BIGINT;
ALTER TABLE conversation ADD COLUMN gate TEXT;
ALTER TABLE conversation ADD COLUMN on_behalf BYTEA;
ALTER TABLE conversation ADD COLUMN previous BYTEA;
ALTER TABLE session ADD COLUMN provider TEXT;

-- Transfers, and who is at their desk.
ALTER TABLE conversation ADD COLUMN transfer_note BYTEA;

CREATE TABLE attendance (
    officer BYTEA NOT NULL,
    gone_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (officer)
) /* WITHOUT ROWID */;
CREATE INDEX attendance_by_end ON attendance (gone_at, officer);
