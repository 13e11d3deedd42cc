-- Where somebody entered and when they were first answered: what a line promised is kept or broken there, wherever the conversation goes later.

ALTER TABLE conversation ADD COLUMN entered_line BYTEA;
ALTER TABLE conversation ADD COLUMN first_answered_at BIGINT;
