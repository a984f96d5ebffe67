-- For this transaction only, which is all that a connection pooler lets through.
SELECT set_config('statement_timeout', %(left)s, true),
       set_config('lock_timeout', %(left)s, true),
       set_config('idle_in_transaction_session_timeout', %(idle)s, true);
