-- The approval engine; posts and grants that cannot be altered unnoticed; one kind of account for one person.

CREATE TABLE approval (
    id BYTEA NOT NULL,
    matter TEXT NOT NULL,
    family TEXT NOT NULL,
    subject TEXT NOT NULL,
    place TEXT,
    about BYTEA,
    state TEXT NOT NULL,
    rule TEXT NOT NULL,
    step BIGINT NOT NULL,
    content TEXT NOT NULL,
    digest BYTEA NOT NULL,
    proposed_by BYTEA NOT NULL,
    proposed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_by BYTEA,
    decided_at BIGINT,
    reason TEXT,
    executed_by BYTEA,
    executed_at BIGINT,
    number BIGINT,
    mac BYTEA NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE UNIQUE INDEX approval_by_number ON approval (family, number);
CREATE INDEX approval_by_state ON approval (state, matter, subject, id);

-- What was approved, and who held which post, had no hash before this step, and nobody can say any more whether it is what was written.
-- None of it is carried over: the notices of the calendar are put forward anew, administrators are set up anew (`zhengna bootstrap`).
-- The audit trail keeps what was done.
DELETE FROM series WHERE name = 'calendar';
DROP TABLE calendar_proposal;

CREATE TABLE approval_vote (
    approval BYTEA NOT NULL,
    voter BYTEA NOT NULL,
    right_of BYTEA NOT NULL,
    step BIGINT NOT NULL,
    agreed BIGINT NOT NULL,
    at BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    PRIMARY KEY (approval, voter)
) /* WITHOUT ROWID */;
CREATE UNIQUE INDEX approval_vote_by_right ON approval_vote (approval, right_of);

CREATE TABLE approval_rule (
    matter TEXT NOT NULL,
    rule TEXT NOT NULL,
    source TEXT NOT NULL,
    mac BYTEA NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (matter)
) /* WITHOUT ROWID */;

CREATE TABLE approval_delegation (
    id BYTEA NOT NULL,
    giver BYTEA NOT NULL,
    taker BYTEA NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE INDEX approval_delegation_by_taker ON approval_delegation (taker, ends_at, id);
CREATE INDEX approval_delegation_by_giver ON approval_delegation (giver, ends_at, id);

CREATE TABLE separation (
    first TEXT NOT NULL,
    second TEXT NOT NULL,
    apart BIGINT NOT NULL,
    source TEXT NOT NULL,
    mac BYTEA NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (first, second)
) /* WITHOUT ROWID */;

DROP TABLE access_grant;
DROP TABLE post;
CREATE TABLE post (
    id BYTEA NOT NULL,
    name TEXT NOT NULL,
    permissions TEXT NOT NULL,
    emergency BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (id)
) /* WITHOUT ROWID */;
CREATE UNIQUE INDEX post_by_name ON post (name);

-- What an account is for: one thing, for good. A grant names it, and the foreign key lets it name nothing else.
CREATE TABLE officer_plane (
    officer BYTEA NOT NULL,
    plane TEXT NOT NULL,
    PRIMARY KEY (officer)
) /* WITHOUT ROWID */;
CREATE UNIQUE INDEX officer_plane_by_plane ON officer_plane (officer, plane);

CREATE TABLE access_grant (
    id BYTEA NOT NULL,
    officer BYTEA NOT NULL,
    post BYTEA NOT NULL,
    authority TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT,
    plane TEXT NOT NULL,
    approval BYTEA,
    mac BYTEA NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (officer, plane) REFERENCES officer_plane (officer, plane)
) /* WITHOUT ROWID */;
CREATE INDEX access_grant_by_officer ON access_grant (officer, starts_at, id);
