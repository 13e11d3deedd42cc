-- Which epoch wraps which subject's key, so that they are wrapped anew page by page; when a bulk operation last moved, so that
-- its progress can be forgotten.

CREATE INDEX subject_key_by_epoch ON subject_key (epoch, subject);

ALTER TABLE bulk_progress ADD COLUMN moved_at BIGINT;
-- What stands there from before is forgotten first: the same list given again finds each of its rows done.
UPDATE bulk_progress SET moved_at = 0;
CREATE INDEX bulk_progress_by_age ON bulk_progress (moved_at, job);
