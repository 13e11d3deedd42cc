-- Appeals: what taxpayers bring before an authority, the text sealed, and the answer.

CREATE TABLE appeal (
    id BYTEA NOT NULL,
    kind TEXT NOT NULL,
    taxpayer BYTEA NOT NULL,
    body BYTEA NOT NULL,
    respondent BYTEA,
    unit TEXT NOT NULL,
    handler TEXT NOT NULL,
    conversation BYTEA,
    state TEXT NOT NULL,
    filed_at BIGINT NOT NULL,
    answer BYTEA,
    answered_by BYTEA,
    answered_at BIGINT,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE INDEX appeal_by_taxpayer ON appeal (taxpayer, filed_at, id);
CREATE TABLE appeal_scope (
    term BYTEA NOT NULL,
    at BIGINT NOT NULL,
    id BYTEA NOT NULL,
    PRIMARY KEY (term, at, id)
) /* WITHOUT ROWID */;
