-- Tells pg_dump to dump the rows of the tables.
--
-- requires: tables/

-- pg_dump skips the rows of an extension's tables unless the extension marks the tables as configuration.
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_users', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_va_tokens', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_sessions', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_auth_audit', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_keyed_ip_hashes', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_refresh_states', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_key_fingerprints', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_audit_leaves', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_audit_nodes', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_audit_head', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_audit_pending', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_audit_unsealable', '');
-- A lease is void after a restore.
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_refresh_leases', 'WHERE false');
-- The sequence is dumped too, so that ids of the audit trail continue after a restore.
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_auth_audit_id_seq', '');
