-- For this transaction only: a connection pooler lets nothing else through. The worker itself limits the
-- transaction as a whole; PostgreSQL 17 added a limit of its own, for which 0 means none. The driver
-- reads dates in the ISO style alone.
SELECT set_config(
    name,
    CASE name
        WHEN 'DateStyle' THEN 'ISO'
        WHEN 'transaction_timeout' THEN '0'
        WHEN 'idle_in_transaction_session_timeout' THEN %(idle)s
        ELSE %(left)s
    END,
    true
)
FROM pg_settings
WHERE name IN (
    'DateStyle', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
    'transaction_timeout'
);
