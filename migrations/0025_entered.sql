-- Where a conversation began that belongs to another authority by now: it is counted there. What was promised when it was entered: a
-- promise that changes later changes nothing about whether it was kept.

ALTER TABLE conversation ADD COLUMN entered_authority TEXT;
ALTER TABLE conversation ADD COLUMN promise_s BIGINT;
