-- The guard of the audit trail.
--
-- requires: tables/auth_audit.sql

-- Refuses UPDATE, DELETE and TRUNCATE to every role, with two exceptions: a statement of the library on the rows that the
-- library names, and a change that logical replication applies.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_guard() RETURNS trigger
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'vetassist_audit_guard_wrapper';

-- Gives each row the next id, no matter which id the statement gives, unless the table's owner inserts the row. Otherwise a
-- role that may insert rows could take the next ids, and sign-ins would wait for that role, or fail.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_id() RETURNS trigger
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'vetassist_audit_id_wrapper';

-- Refuses commands that rewrite the trail because a column gets another type or a new column has a default: no trigger of
-- the table fires for them. It allows commands that only move rows (VACUUM FULL, CLUSTER, another tablespace).
CREATE OR REPLACE FUNCTION @extschema@.vetassist_guard_rewrite() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Reason 2 is the default of a new column, reason 4 another type.
    IF pg_event_trigger_table_rewrite_oid() = to_regclass('@extschema@.vetassist_auth_audit')
       AND pg_event_trigger_table_rewrite_reason() & 6 <> 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'the audit trail is append-only',
            HINT = 'Its columns cannot be changed. SELECT vetassist_detach() makes it an ordinary table.';
    END IF;
END
$$;

CREATE EVENT TRIGGER vetassist_guard_rewrite ON table_rewrite
EXECUTE FUNCTION @extschema@.vetassist_guard_rewrite();
ALTER EVENT TRIGGER vetassist_guard_rewrite ENABLE ALWAYS;
