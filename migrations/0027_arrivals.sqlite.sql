-- What arrives by a channel has no taxpayer yet. SQLite lets a column be empty in a new table only.

CREATE TABLE appeal_anew (
    id BYTEA NOT NULL,
    kind TEXT NOT NULL,
    taxpayer BYTEA,
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
    also_kept_from TEXT,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
INSERT INTO appeal_anew (id, kind, taxpayer, body, respondent, unit, handler, conversation, state, filed_at, answer, answered_by, answered_at, version, also_kept_from)
    SELECT id, kind, taxpayer, body, respondent, unit, handler, conversation, state, filed_at, answer, answered_by, answered_at, version, also_kept_from FROM appeal;
DROP TABLE appeal;
ALTER TABLE appeal_anew RENAME TO appeal;
CREATE INDEX appeal_by_taxpayer ON appeal (taxpayer, filed_at, id);
