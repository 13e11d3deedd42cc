-- People: papers other than the resident id, former numbers, real-name findings, relations, rosters, imports.

ALTER TABLE taxpayer ADD COLUMN number_kind TEXT;

CREATE TABLE former_number (
    number_index BYTEA NOT NULL,
    taxpayer BYTEA NOT NULL,
    kind TEXT NOT NULL,
    number BYTEA NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (number_index)
) /* WITHOUT ROWID */;
CREATE INDEX former_number_by_taxpayer ON former_number (taxpayer, recorded_at, number_index);

CREATE TABLE real_name (
    person BYTEA NOT NULL,
    number BIGINT NOT NULL,
    state TEXT NOT NULL,
    level TEXT,
    channel TEXT NOT NULL,
    found_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (person, number)
) /* WITHOUT ROWID */;

CREATE TABLE relation (
    enterprise BYTEA NOT NULL,
    role TEXT NOT NULL,
    person BYTEA NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT,
    released BIGINT NOT NULL,
    channel TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    external_id TEXT,
    version BIGINT NOT NULL,
    PRIMARY KEY (enterprise, role, person, starts_at)
) /* WITHOUT ROWID */;
CREATE INDEX relation_by_person ON relation (person, starts_at, enterprise, role);

CREATE TABLE roster_entry (
    enterprise BYTEA NOT NULL,
    roster TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT,
    document TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (enterprise, roster, starts_at)
) /* WITHOUT ROWID */;

CREATE TABLE import_batch (
    batch BYTEA NOT NULL,
    name TEXT NOT NULL,
    rows BIGINT NOT NULL,
    begun_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    taking_back BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (batch)
) /* WITHOUT ROWID */;

CREATE TABLE imported_row (
    batch BYTEA NOT NULL,
    attempt BIGINT NOT NULL,
    line BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    taxpayer BYTEA,
    made_version BIGINT,
    before TEXT,
    field TEXT,
    why TEXT,
    taken_back BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (batch, attempt, line)
) /* WITHOUT ROWID */;
CREATE INDEX imported_row_by_taxpayer ON imported_row (taxpayer, batch, attempt, line);
