-- How long officers had conversations that went on elsewhere: their load, which the conversation itself does not tell.

CREATE TABLE stint (
    officer BYTEA NOT NULL,
    ended_at BIGINT NOT NULL,
    conversation BYTEA NOT NULL,
    claimed_at BIGINT NOT NULL,
    PRIMARY KEY (officer, ended_at, conversation)
) /* WITHOUT ROWID */;
