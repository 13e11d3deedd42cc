-- By what it was computed when whoever left a message is answered: a change of the calendar computes it anew.

ALTER TABLE conversation ADD COLUMN reply_began BIGINT;
ALTER TABLE conversation ADD COLUMN reply_minutes BIGINT;
ALTER TABLE conversation ADD COLUMN reply_calendar BIGINT;
ALTER TABLE conversation ADD COLUMN reply_provisional BIGINT;
CREATE INDEX conversation_by_reply ON conversation (state, reply_calendar, id);
