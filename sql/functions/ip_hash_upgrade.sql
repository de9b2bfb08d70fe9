-- The upgrade of plain address hashes to keyed ones.
--
-- requires: tables/auth_audit.sql tables/sessions.sql functions/ip_hash.sql

-- Replaces the plain hashes in the audit trail and in the device_info of sessions, and the addresses in device_info. It
-- commits after each batch, which a security definer cannot do: see crates/vetassist-pg/src/functions/batches.rs.
CREATE OR REPLACE PROCEDURE @extschema@.vetassist_upgrade_ip_hashes(batch_size integer DEFAULT 10000)
LANGUAGE c
AS 'MODULE_PATHNAME', 'vetassist_upgrade_ip_hashes_wrapper';
