-- Built-in control: rules that were approved, what was revealed lately, alerts.

CREATE TABLE control_rule (
    id TEXT NOT NULL,
    threshold BIGINT NOT NULL,
    window_minutes BIGINT NOT NULL,
    enabled BIGINT NOT NULL,
    source TEXT NOT NULL,
    mac BYTEA NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;

CREATE TABLE control_shown (
    officer BYTEA NOT NULL,
    at BIGINT NOT NULL,
    nonce BYTEA NOT NULL,
    PRIMARY KEY (officer, at, nonce)
) /* WITHOUT ROWID */;

CREATE TABLE control_alert (
    id BYTEA NOT NULL,
    rule TEXT NOT NULL,
    actor BYTEA NOT NULL,
    subject TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    at BIGINT NOT NULL,
    facts TEXT NOT NULL,
    authority TEXT NOT NULL,
    state TEXT NOT NULL,
    noticed_at BIGINT NOT NULL,
    reviewed_by BYTEA,
    reviewed_at BIGINT,
    reason TEXT,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE INDEX control_alert_by_at ON control_alert (at, id);
CREATE TABLE control_alert_scope (
    term BYTEA NOT NULL,
    at BIGINT NOT NULL,
    id BYTEA NOT NULL,
    PRIMARY KEY (term, at, id)
) /* WITHOUT ROWID */;
