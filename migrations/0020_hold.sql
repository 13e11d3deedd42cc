-- What is on hold, who takes part beside an officer, what goes on elsewhere, who waits for an answer; what officers whisper; how a line
-- reminds; to whom what waits is offered.

ALTER TABLE conversation ADD COLUMN held_until BIGINT;
ALTER TABLE conversation ADD COLUMN joined BYTEA;
ALTER TABLE conversation ADD COLUMN merged_into BYTEA;
ALTER TABLE conversation ADD COLUMN unanswered_since BIGINT;
ALTER TABLE conversation ADD COLUMN first_claimed_at BIGINT;
ALTER TABLE conversation ADD COLUMN offered_to BYTEA;
ALTER TABLE conversation ADD COLUMN offered_until BIGINT;
ALTER TABLE conversation ADD COLUMN passes TEXT;
ALTER TABLE line ADD COLUMN reminders TEXT;

CREATE TABLE whisper (
    conversation BYTEA NOT NULL,
    number BIGINT NOT NULL,
    author BYTEA NOT NULL,
    asked BYTEA,
    body BYTEA NOT NULL,
    whispered_at BIGINT NOT NULL,
    PRIMARY KEY (conversation, number)
) /* WITHOUT ROWID */;
