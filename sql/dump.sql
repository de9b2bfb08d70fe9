-- pg_dump leaves the rows of an extension's tables out, unless it is told that they are the user's.
SELECT pg_catalog.pg_extension_config_dump('vetassist_users', '');
SELECT pg_catalog.pg_extension_config_dump('vetassist_va_tokens', '');
SELECT pg_catalog.pg_extension_config_dump('vetassist_sessions', '');
SELECT pg_catalog.pg_extension_config_dump('vetassist_auth_audit', '');
SELECT pg_catalog.pg_extension_config_dump('vetassist_keyed_ip_hashes', '');
-- The next id of the audit trail, too.
SELECT pg_catalog.pg_extension_config_dump('vetassist_auth_audit_id_seq', '');
