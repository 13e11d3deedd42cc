-- By what it was computed when whoever left a message is answered: a change of the calendar computes it anew. Promises of before stay as
-- they were given. When a row of a list was applied: a later list counts on what an earlier one made.

ALTER TABLE conversation ADD COLUMN reply_began BIGINT;
ALTER TABLE conversation ADD COLUMN reply_minutes BIGINT;
ALTER TABLE conversation ADD COLUMN reply_calendar BIGINT;
ALTER TABLE conversation ADD COLUMN reply_provisional BIGINT;
CREATE INDEX conversation_by_reply ON conversation (state, reply_calendar, id);

ALTER TABLE imported_row ADD COLUMN applied_at BIGINT;
