-- Leaving: the extension goes and its data stay.

-- Makes the tables ordinary ones of a role's, so that the extension can be dropped and its data stay. CREATE EXTENSION
-- adopts them again. Not a security definer: it takes a superuser.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_detach(new_owner regrole DEFAULT quote_ident(current_user)::regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member record;
BEGIN
    IF new_owner IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'new_owner must not be NULL',
            HINT = 'Leave it out, and the tables are yours.';
    END IF;
    -- The guard calls functions of the extension's, so it goes with them. Until then nothing guards the trail.
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
            -- With the sequence of its column.
            EXECUTE format('ALTER TABLE %s OWNER TO %s', member.name, new_owner);
        END IF;
    END LOOP;
END
$$;
