-- How a line is shared out, what those who wait are about and where they belong, and how each came to an officer. By what a list is known
-- that leaves something out.

ALTER TABLE line ADD COLUMN routing TEXT;
ALTER TABLE conversation ADD COLUMN topic_code TEXT;
ALTER TABLE conversation ADD COLUMN home TEXT;

CREATE TABLE assignment (
    conversation BYTEA NOT NULL,
    version BIGINT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (conversation, version)
) /* WITHOUT ROWID */;

ALTER TABLE import_batch ADD COLUMN given BYTEA;
