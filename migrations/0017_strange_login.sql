-- Logins that nobody has, and somebody tried; when a known one failed last.

CREATE TABLE strange_login (
    login_index BYTEA NOT NULL,
    failures BIGINT NOT NULL,
    locked_until BIGINT,
    failed_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (login_index)
) /* WITHOUT ROWID */;
CREATE INDEX strange_login_by_age ON strange_login (failed_at, login_index);

ALTER TABLE credential ADD COLUMN failed_at BIGINT;
