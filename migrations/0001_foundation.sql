-- The foundation: identities, access, interaction, journal, audit, agenda, delivery.
-- Integers are BIGINT, booleans 0 or 1, instants microseconds UTC, ids 16 bytes; nothing has a default:
-- every value is given by the core. What each column means is said where the record is declared.
-- SQLite stores tables in key order; its migrator takes the comment after each table for a clause.

CREATE TABLE series (
    name TEXT NOT NULL,
    next BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (name)
) /* WITHOUT ROWID */;

CREATE TABLE subject_key (
    subject BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (subject)
) /* WITHOUT ROWID */;

CREATE TABLE authority (
    code TEXT NOT NULL,
    parent TEXT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    effective_from BIGINT NOT NULL,
    effective_to BIGINT,
    version BIGINT NOT NULL,
    PRIMARY KEY (code)
) /* WITHOUT ROWID */;

CREATE TABLE officer (
    id BYTEA NOT NULL,
    staff_no TEXT NOT NULL,
    name BYTEA NOT NULL,
    authority TEXT NOT NULL,
    capacity BIGINT NOT NULL,
    added_at BIGINT NOT NULL,
    left_at BIGINT,
    person_no BIGINT NOT NULL,
    external_id TEXT,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE UNIQUE INDEX officer_by_staff_no ON officer (staff_no);
CREATE UNIQUE INDEX officer_by_external_id ON officer (external_id);

CREATE TABLE officer_scope (
    term BYTEA NOT NULL,
    at BIGINT NOT NULL,
    id BYTEA NOT NULL,
    PRIMARY KEY (term, at, id)
) /* WITHOUT ROWID */;

CREATE TABLE post (
    id BYTEA NOT NULL,
    name TEXT NOT NULL,
    permissions TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE UNIQUE INDEX post_by_name ON post (name);

CREATE TABLE access_grant (
    id BYTEA NOT NULL,
    officer BYTEA NOT NULL,
    post BYTEA NOT NULL,
    authority TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE INDEX access_grant_by_officer ON access_grant (officer, starts_at, id);

CREATE TABLE credential (
    login_index BYTEA NOT NULL,
    actor BYTEA NOT NULL,
    password TEXT NOT NULL,
    failures BIGINT NOT NULL,
    locked_until BIGINT,
    set_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (login_index)
) /* WITHOUT ROWID */;
CREATE UNIQUE INDEX credential_by_actor ON credential (actor);

CREATE TABLE session (
    token_hash BYTEA NOT NULL,
    actor BYTEA NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    ended_at BIGINT,
    version BIGINT NOT NULL,
    PRIMARY KEY (token_hash)
) /* WITHOUT ROWID */;
CREATE INDEX session_by_actor ON session (actor, started_at, token_hash);

CREATE TABLE socket_ticket (
    ticket_hash BYTEA NOT NULL,
    token_hash BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (ticket_hash)
) /* WITHOUT ROWID */;
CREATE INDEX socket_ticket_by_expiry ON socket_ticket (expires_at, ticket_hash);

CREATE TABLE taxpayer (
    id BYTEA NOT NULL,
    kind TEXT NOT NULL,
    name BYTEA NOT NULL,
    number BYTEA NOT NULL,
    number_index BYTEA NOT NULL,
    phone BYTEA,
    phone_index BYTEA,
    authority TEXT NOT NULL,
    enrolled_at BIGINT NOT NULL,
    synthetic BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    registration_seq TEXT,
    external_id TEXT,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE UNIQUE INDEX taxpayer_by_number ON taxpayer (number_index);
CREATE UNIQUE INDEX taxpayer_by_external_id ON taxpayer (external_id);

CREATE TABLE taxpayer_scope (
    term BYTEA NOT NULL,
    at BIGINT NOT NULL,
    id BYTEA NOT NULL,
    PRIMARY KEY (term, at, id)
) /* WITHOUT ROWID */;

CREATE TABLE line (
    id BYTEA NOT NULL,
    authority TEXT NOT NULL,
    name TEXT NOT NULL,
    open BIGINT NOT NULL,
    next_ticket BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    external_id TEXT,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE UNIQUE INDEX line_by_external_id ON line (external_id);

CREATE TABLE line_scope (
    term BYTEA NOT NULL,
    at BIGINT NOT NULL,
    id BYTEA NOT NULL,
    PRIMARY KEY (term, at, id)
) /* WITHOUT ROWID */;

CREATE TABLE conversation (
    id BYTEA NOT NULL,
    line BYTEA NOT NULL,
    authority TEXT NOT NULL,
    taxpayer BYTEA NOT NULL,
    officer BYTEA,
    state TEXT NOT NULL,
    channel TEXT NOT NULL,
    topic BYTEA NOT NULL,
    rank BIGINT NOT NULL,
    ticket BIGINT NOT NULL,
    entered_at BIGINT NOT NULL,
    claimed_at BIGINT,
    ended_at BIGINT,
    active_at BIGINT NOT NULL,
    outcome TEXT,
    closing_note BYTEA,
    last_number BIGINT NOT NULL,
    taxpayer_read BIGINT NOT NULL,
    officer_read BIGINT NOT NULL,
    external_id TEXT,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE UNIQUE INDEX conversation_by_external_id ON conversation (external_id);
CREATE INDEX conversation_by_wait ON conversation (line, state, rank, ticket, id);
CREATE INDEX conversation_by_officer ON conversation (officer, state, entered_at, id);
CREATE INDEX conversation_by_taxpayer ON conversation (taxpayer, state, entered_at, id);
CREATE INDEX conversation_by_end ON conversation (line, state, ended_at, id);

CREATE TABLE conversation_scope (
    term BYTEA NOT NULL,
    at BIGINT NOT NULL,
    id BYTEA NOT NULL,
    PRIMARY KEY (term, at, id)
) /* WITHOUT ROWID */;

CREATE TABLE message (
    conversation BYTEA NOT NULL,
    number BIGINT NOT NULL,
    sender BYTEA NOT NULL,
    client_id TEXT,
    body BYTEA NOT NULL,
    sent_at BIGINT NOT NULL,
    external_id TEXT,
    PRIMARY KEY (conversation, number)
) /* WITHOUT ROWID */;

CREATE TABLE journal (
    xid BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    topic BYTEA NOT NULL,
    kind TEXT NOT NULL,
    conversation BYTEA,
    number BIGINT,
    actor BYTEA NOT NULL,
    PRIMARY KEY (xid, seq)
) /* WITHOUT ROWID */;
CREATE INDEX journal_by_topic ON journal (topic, xid, seq);

CREATE TABLE audit_record (
    xid BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    id BYTEA NOT NULL,
    at BIGINT NOT NULL,
    operation TEXT NOT NULL,
    actor BYTEA NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT,
    request TEXT NOT NULL,
    digest BYTEA NOT NULL,
    rows BIGINT NOT NULL,
    PRIMARY KEY (xid, seq)
) /* WITHOUT ROWID */;

CREATE TABLE audit_link (
    number BIGINT NOT NULL,
    xid BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    record BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (number)
) /* WITHOUT ROWID */;

CREATE TABLE audit_checkpoint (
    number BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    at BIGINT NOT NULL,
    signature BYTEA NOT NULL,
    PRIMARY KEY (number)
) /* WITHOUT ROWID */;

CREATE TABLE timer (
    id BYTEA NOT NULL,
    parked BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject BYTEA NOT NULL,
    attempts BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE INDEX timer_by_due ON timer (parked, due_at, id);

CREATE TABLE delivery (
    id BYTEA NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    last_error TEXT,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE INDEX delivery_by_due ON delivery (state, due_at, id);

CREATE TABLE idempotency (
    at BIGINT NOT NULL,
    scope BYTEA NOT NULL,
    command BYTEA NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (at, scope)
) /* WITHOUT ROWID */;

CREATE TABLE bulk_progress (
    job BYTEA NOT NULL,
    done BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (job)
) /* WITHOUT ROWID */;

CREATE TABLE segment (
    kind TEXT NOT NULL,
    key BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (kind, key, seq)
) /* WITHOUT ROWID */;
