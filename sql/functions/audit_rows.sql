-- Changing rows of the audit trail that its guard lets pass.
--
-- requires: functions/audit_log_changes.sql

-- Clears event_data and ip_hash of rows, and notes what that owes the audit log.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_clear_audit_rows(ids bigint[]) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_clear_audit_rows_wrapper';

-- Deletes a batch of what is older than the cutoff and sealed, oldest first, unless it is to be kept, and writes down that
-- it did.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_purge_audit_batch(cutoff timestamptz, max_rows integer) RETURNS integer
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_purge_audit_batch_wrapper';
