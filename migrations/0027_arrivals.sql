
-- Channels of appeals, the tables that were collected from them, and what is known of an appeal that arrived by one.

ALTER TABLE appeal ADD COLUMN channel TEXT;
ALTER TABLE appeal ADD COLUMN external_id TEXT;
ALTER TABLE appeal ADD COLUMN arrival BYTEA;
ALTER TABLE appeal ADD COLUMN content BYTEA;
ALTER TABLE appeal ADD COLUMN text_index BYTEA;
ALTER TABLE appeal ADD COLUMN reporter_index BYTEA;
ALTER TABLE appeal ADD COLUMN reporter BYTEA;
ALTER TABLE appeal ADD COLUMN title BYTEA;
ALTER TABLE appeal ADD COLUMN collected_at BIGINT;
ALTER TABLE appeal ADD COLUMN due_at BIGINT;
CREATE UNIQUE INDEX appeal_by_arrival ON appeal (arrival);
CREATE INDEX appeal_by_channel ON appeal (channel, filed_at, id);
CREATE INDEX appeal_by_text ON appeal (text_index, filed_at, id);
CREATE INDEX appeal_by_reporter ON appeal (reporter_index, filed_at, id);
CREATE TABLE appeal_channel (
    code TEXT NOT NULL,
    authority TEXT NOT NULL,
    settings TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (code)
) /* WITHOUT ROWID */;
CREATE TABLE appeal_collection (
    batch BYTEA NOT NULL,
    attempt BIGINT NOT NULL,
    channel TEXT NOT NULL,
    name TEXT NOT NULL,
    rows BIGINT NOT NULL,
    begun_at BIGINT NOT NULL,
    taken_back BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (batch, attempt)
) /* WITHOUT ROWID */;
CREATE TABLE collected_row (
    batch BYTEA NOT NULL,
    attempt BIGINT NOT NULL,
    line BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    appeal BYTEA,
    related BYTEA,
    made_version BIGINT,
    before TEXT,
    field TEXT,
    why TEXT,
    taken_at BIGINT NOT NULL,
    taken_back BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (batch, attempt, line)
) /* WITHOUT ROWID */;
CREATE INDEX collected_row_by_appeal ON collected_row (appeal, batch, attempt, line);
