-- Changes of the audit trail that its guard allows.
--
-- requires: functions/audit_log_changes.sql

-- Clears event_data and ip_hash of rows, and writes a line for the next seal.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_clear_audit_rows(ids bigint[]) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_clear_audit_rows_wrapper';

-- Deletes a batch of sealed rows that are older than the cutoff, oldest first, and writes an event. Refuses a cutoff that
-- vetassist.audit_min_retention does not allow.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_purge_audit_batch(cutoff timestamptz, max_rows integer) RETURNS integer
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_purge_audit_batch_wrapper';
