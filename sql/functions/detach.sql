-- Leaving vetassist: the extension is dropped and its data stays.

-- Makes the tables ordinary tables of a role, so that the extension can be dropped and its data stays. CREATE EXTENSION
-- adopts the tables again. It is not a security definer: only a superuser may call it.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_detach(new_owner regrole DEFAULT quote_ident(current_user)::regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member record;
BEGIN
    IF new_owner IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'new_owner must not be NULL',
            HINT = 'Leave it out to own the tables yourself.';
    END IF;
    -- The triggers of the guard depend on functions of the extension, so they are dropped here. From now on, nothing guards
    -- the trail.
    DROP TRIGGER vetassist_auth_audit_append_only ON @extschema@.vetassist_auth_audit;
    DROP TRIGGER vetassist_auth_audit_append_only_rows ON @extschema@.vetassist_auth_audit;
    DROP TRIGGER vetassist_auth_audit_id ON @extschema@.vetassist_auth_audit;
    FOR member IN
        SELECT c.oid::regclass AS name, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
        FROM pg_extension AS e
        JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
        WHERE e.extname = 'vetassist'
        ORDER BY c.oid
    LOOP
        EXECUTE format('ALTER EXTENSION vetassist DROP %s %s', member.kind, member.name);
        IF member.kind = 'TABLE' THEN
            -- The sequence of its column gets the same owner.
            EXECUTE format('ALTER TABLE %s OWNER TO %s', member.name, new_owner);
        END IF;
    END LOOP;
END
$$;
