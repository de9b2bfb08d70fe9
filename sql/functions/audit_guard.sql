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

-- Refuses to change the trail by changing the type of a column, or by adding one: no trigger of the table's fires for that.
-- A command that only moves rows (VACUUM FULL, CLUSTER, a new table space) is no such command.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_guard_rewrite() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- 2 is a default of a new column, 4 a type.
    IF pg_event_trigger_table_rewrite_oid() = to_regclass('@extschema@.vetassist_auth_audit')
       AND pg_event_trigger_table_rewrite_reason() & 6 <> 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'the audit trail is append-only',
            HINT = 'Its columns stay as they are. SELECT vetassist_detach() makes it an ordinary table.';
    END IF;
END
$$;

CREATE EVENT TRIGGER vetassist_guard_rewrite ON table_rewrite
EXECUTE FUNCTION @extschema@.vetassist_guard_rewrite();
ALTER EVENT TRIGGER vetassist_guard_rewrite ENABLE ALWAYS;
