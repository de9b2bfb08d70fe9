-- The guard of the audit trail: refuses UPDATE, DELETE and TRUNCATE to everybody.
--
-- requires: tables/auth_audit.sql

CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_guard() RETURNS trigger
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'vetassist_audit_guard_wrapper';
