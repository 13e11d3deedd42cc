-- Lines of an authority are found by whoever belongs there or below it, however many others there are.
-- Bytes are made of text differently.

INSERT INTO line_scope (term, at, id) SELECT convert_to('u' || right(authority, 11), 'UTF8'), opened_at, id FROM line;
