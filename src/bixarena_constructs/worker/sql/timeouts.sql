-- For this transaction only, which is all that a connection pooler lets through. The worker limits a
-- transaction as a whole itself; from PostgreSQL 17 on the server has a limit of its own, which is 0
-- for none.
SELECT set_config(
    name,
    CASE name
        WHEN 'transaction_timeout' THEN '0'
        WHEN 'idle_in_transaction_session_timeout' THEN %(idle)s
        ELSE %(left)s
    END,
    true
)
FROM pg_settings
WHERE name IN (
    'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
    'transaction_timeout'
);
