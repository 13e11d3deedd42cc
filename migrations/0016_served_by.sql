-- Everybody who served a conversation, and from whom a complaint that comes of it is kept beside whom it is about.

ALTER TABLE conversation ADD COLUMN served_by BYTEA;
ALTER TABLE appeal ADD COLUMN also_kept_from TEXT;
