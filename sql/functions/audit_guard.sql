-- The guard of the audit trail.
--
-- requires: tables/auth_audit.sql

-- Refuses UPDATE, DELETE and TRUNCATE to everybody. Two pass: a statement of the library's, for the rows that it names, and
-- what logical replication applies.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_guard() RETURNS trigger
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'vetassist_audit_guard_wrapper';

-- Gives each row that somebody else inserts than the table's owner the next id, whatever id the statement gives. Otherwise a
-- role that may insert could take the ids that come next, and sign-ins would wait for it, or fail.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_id() RETURNS trigger
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'vetassist_audit_id_wrapper';
