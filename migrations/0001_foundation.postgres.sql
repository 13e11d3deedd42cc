
-- Numbers of stamped rows rise within a transaction; order between transactions comes from xid.
CREATE SEQUENCE stamp AS BIGINT CACHE 1;
