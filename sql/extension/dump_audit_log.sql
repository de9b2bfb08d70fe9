-- What pg_dump must know of the audit log.
--
-- requires: tables/

SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_audit_leaves', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_audit_nodes', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_audit_head', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_audit_pending', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vetassist_audit_unsealable', '');
