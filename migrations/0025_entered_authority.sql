-- Where a conversation began that belongs to another authority by now: it is counted there.

ALTER TABLE conversation ADD COLUMN entered_authority TEXT;
