-- Sign-in through outside identity providers; who told a name or a phone last.

CREATE TABLE linked_identity (
    identity_index BYTEA NOT NULL,
    taxpayer BYTEA NOT NULL,
    provider TEXT NOT NULL,
    linked_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (identity_index)
) /* WITHOUT ROWID */;
CREATE INDEX linked_identity_by_taxpayer ON linked_identity (taxpayer, linked_at, identity_index);

CREATE TABLE link_ticket (
    ticket_hash BYTEA NOT NULL,
    identity_index BYTEA NOT NULL,
    provider TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (ticket_hash)
) /* WITHOUT ROWID */;
CREATE INDEX link_ticket_by_expiry ON link_ticket (expires_at, ticket_hash);

CREATE TABLE used_proof (
    proof_index BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (proof_index)
) /* WITHOUT ROWID */;
CREATE INDEX used_proof_by_expiry ON used_proof (expires_at, proof_index);

ALTER TABLE taxpayer ADD COLUMN name_channel TEXT;
ALTER TABLE taxpayer ADD COLUMN name_at BIGINT;
ALTER TABLE taxpayer ADD COLUMN phone_channel TEXT;
ALTER TABLE taxpayer ADD COLUMN phone_at BIGINT;
