-- The tree of authorities decides how far a post reaches: its rows carry a hash. What had none is not carried over; the list is
-- imported anew (`zhengna authority import`).
DROP TABLE authority;

CREATE TABLE authority (
    code TEXT NOT NULL,
    parent TEXT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    effective_from BIGINT NOT NULL,
    effective_to BIGINT,
    mac BYTEA NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (code)
) /* WITHOUT ROWID */;
