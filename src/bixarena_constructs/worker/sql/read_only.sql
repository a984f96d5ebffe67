-- Whether this transaction may write: not on a standby, nor where an administrator or the provider
-- has switched writing off, as during a failover, an upgrade or while the disk is full.
SHOW transaction_read_only;
