-- Who looks after a taxpayer from when to when, and who did when somebody who waits entered their line.

CREATE TABLE grid_officer (
    taxpayer BYTEA NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT,
    officer BYTEA NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (taxpayer, starts_at)
) /* WITHOUT ROWID */;

ALTER TABLE conversation ADD COLUMN own_officer BYTEA;
