-- The calendar: proposals to change it, and how each was decided.

CREATE TABLE calendar_proposal (
    id BYTEA NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT NOT NULL,
    content TEXT NOT NULL,
    digest BYTEA NOT NULL,
    proposed_by BYTEA NOT NULL,
    proposed_at BIGINT NOT NULL,
    decided_by BYTEA,
    decided_at BIGINT,
    reason TEXT,
    number BIGINT,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE UNIQUE INDEX calendar_proposal_by_number ON calendar_proposal (number);
CREATE INDEX calendar_proposal_by_state ON calendar_proposal (state, kind, subject, id);
