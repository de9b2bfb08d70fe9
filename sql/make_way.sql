-- First of all: where sql/plain_guard.sql guards the audit trail, its function has the name that the
-- library's takes. It goes with its trigger, whoever owns it, and is back if the tables are not adopted.
DO $$
DECLARE
    caller_path CONSTANT text := pg_catalog.current_setting('search_path');
    own_schema CONSTANT text := '@extschema@';
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF EXISTS (SELECT FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
               WHERE p.pronamespace = own_schema::regnamespace AND p.proname = 'vetassist_audit_guard'
                 AND p.pronargs = 0 AND p.prorettype = 'trigger'::regtype AND l.lanname = 'plpgsql') THEN
        EXECUTE format('DROP TRIGGER IF EXISTS vetassist_auth_audit_append_only ON %s.vetassist_auth_audit', own_schema);
        EXECUTE format('DROP FUNCTION %s.vetassist_audit_guard()', own_schema);
    END IF;
    PERFORM set_config('search_path', caller_path, true);
END
$$;
