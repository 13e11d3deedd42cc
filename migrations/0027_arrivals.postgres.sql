-- What arrives by a channel has no taxpayer yet.

ALTER TABLE appeal ALTER COLUMN taxpayer DROP NOT NULL;
