-- The role that owns the tables and the SECURITY DEFINER functions. Roles belong to the whole server, so another database
-- may use the role too.
--
-- requires: extension/clear_way.sql

-- A member of the role would have all its rights, and any role with CREATEROLE may have made a role of this name before.
DO $$
DECLARE
    problems text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = 'vetassist_owner') THEN
        BEGIN
            CREATE ROLE vetassist_owner
                NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            -- An installation in another database has just created it.
            NULL;
        END;
    END IF;

    SELECT string_agg(p.problem, ', ') INTO problems
    FROM pg_roles AS r
    CROSS JOIN LATERAL (VALUES
        (r.rolcanlogin, 'it may log in'),
        (r.rolsuper, 'it is a superuser'),
        (r.rolcreaterole, 'it may create roles'),
        (r.rolcreatedb, 'it may create databases'),
        (r.rolreplication, 'it may replicate'),
        (r.rolbypassrls, 'it bypasses row security'),
        (EXISTS (SELECT FROM pg_auth_members AS m WHERE m.roleid = r.oid), 'it has members'),
        (EXISTS (SELECT FROM pg_auth_members AS m WHERE m.member = r.oid), 'it is a member of another role'),
        (EXISTS (SELECT FROM pg_db_role_setting AS s WHERE s.setrole = r.oid), 'it has settings of its own')
    ) AS p (is_so, problem)
    WHERE r.rolname = 'vetassist_owner' AND p.is_so;

    IF problems IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'the role vetassist_owner cannot own the objects of vetassist',
            DETAIL = problems,
            HINT = 'Nothing was changed. The role must be NOLOGIN, without attributes, members, memberships and settings. DROP ROLE vetassist_owner: the installation then creates it.';
    END IF;
END
$$;
