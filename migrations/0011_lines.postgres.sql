-- The table was made under another name, and its key with it.
ALTER INDEX line_set_pkey RENAME TO line_pkey;
