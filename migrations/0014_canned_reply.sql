-- Canned replies, of authorities and of officers.

CREATE TABLE canned_reply (
    id BYTEA NOT NULL,
    authority TEXT NOT NULL,
    shared TEXT,
    owner BYTEA,
    topic TEXT NOT NULL,
    body TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE INDEX canned_reply_by_shared ON canned_reply (shared, id);
CREATE INDEX canned_reply_by_owner ON canned_reply (owner, id);

CREATE TABLE canned_reply_scope (
    term BYTEA NOT NULL,
    at BIGINT NOT NULL,
    id BYTEA NOT NULL,
    PRIMARY KEY (term, at, id)
) /* WITHOUT ROWID */;
