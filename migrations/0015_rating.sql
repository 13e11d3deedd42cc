-- Ratings of services, and the follow-ups of low ones.

CREATE TABLE rating (
    conversation BYTEA NOT NULL,
    officer BYTEA,
    grade TEXT NOT NULL,
    reasons TEXT NOT NULL,
    reasons_version BIGINT NOT NULL,
    comment BYTEA,
    rated_at BIGINT NOT NULL,
    PRIMARY KEY (conversation)
) /* WITHOUT ROWID */;

CREATE TABLE follow_up (
    conversation BYTEA NOT NULL,
    authority TEXT NOT NULL,
    state TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    provisional BIGINT NOT NULL,
    calendar BIGINT NOT NULL,
    policy BIGINT NOT NULL,
    overdue_at BIGINT,
    answer BYTEA,
    answered_by BYTEA,
    answered_at BIGINT,
    revisit TEXT,
    revisit_note BYTEA,
    revisited_by BYTEA,
    revisited_at BIGINT,
    version BIGINT NOT NULL,
    PRIMARY KEY (conversation)
) /* WITHOUT ROWID */;
CREATE INDEX follow_up_by_calendar ON follow_up (state, calendar, conversation);

CREATE TABLE follow_up_scope (
    term BYTEA NOT NULL,
    at BIGINT NOT NULL,
    id BYTEA NOT NULL,
    PRIMARY KEY (term, at, id)
) /* WITHOUT ROWID */;
