-- Sign-in of staff in full: passwords that were used before, second factors, recovery codes, half-done sign-ins.

ALTER TABLE credential ADD COLUMN given_by BYTEA;

CREATE TABLE past_password (
    actor BYTEA NOT NULL,
    number BIGINT NOT NULL,
    password TEXT NOT NULL,
    PRIMARY KEY (actor, number)
) /* WITHOUT ROWID */;

CREATE TABLE second_factor (
    officer BYTEA NOT NULL,
    secret BYTEA NOT NULL,
    enrolled_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    last_step BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (officer)
) /* WITHOUT ROWID */;

CREATE TABLE recovery_code (
    officer BYTEA NOT NULL,
    code_hash BYTEA NOT NULL,
    PRIMARY KEY (officer, code_hash)
) /* WITHOUT ROWID */;

CREATE TABLE sign_in_challenge (
    login_index BYTEA NOT NULL,
    challenge_hash BYTEA NOT NULL,
    set_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (login_index)
) /* WITHOUT ROWID */;
CREATE UNIQUE INDEX sign_in_challenge_by_challenge ON sign_in_challenge (challenge_hash);
