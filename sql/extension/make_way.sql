-- Clears the way for the guard of the audit trail.

-- First of all: where sql/plain_guard.sql guards the audit trail, its function has the name that the
-- library's takes. It goes with its trigger, whoever owns it, and is back if the tables are not adopted.
DO $$
DECLARE
    own_schema CONSTANT text := '@extschema@';
BEGIN
    IF EXISTS (SELECT FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
               WHERE p.pronamespace = own_schema::regnamespace AND p.proname = 'vetassist_audit_guard'
                 AND p.pronargs = 0 AND p.prorettype = 'trigger'::regtype AND l.lanname = 'plpgsql') THEN
        EXECUTE format('DROP TRIGGER IF EXISTS vetassist_auth_audit_append_only ON %s.vetassist_auth_audit', own_schema);
        EXECUTE format('DROP TRIGGER IF EXISTS vetassist_auth_audit_append_only_rows ON %s.vetassist_auth_audit', own_schema);
        EXECUTE format('DROP TRIGGER IF EXISTS vetassist_auth_audit_id ON %s.vetassist_auth_audit', own_schema);
        EXECUTE format('DROP FUNCTION %s.vetassist_audit_guard()', own_schema);
        EXECUTE format('DROP FUNCTION IF EXISTS %s.vetassist_audit_id()', own_schema);
    END IF;
END
$$;
