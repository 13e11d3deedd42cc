-- A message may quote an earlier one, and be recalled.

ALTER TABLE message ADD COLUMN quotes BIGINT;
ALTER TABLE message ADD COLUMN recalled_at BIGINT;
