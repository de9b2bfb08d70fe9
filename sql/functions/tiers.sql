-- Tiers: their rights, the roles that have them, and granting and revoking them.
--
-- requires: functions/events.sql functions/objects.sql

-- Returns the rights of each tier. An object is written with its kind and its whole signature.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_tier_privileges() RETURNS TABLE (tier text, privilege text, object text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH tiers (tier, name) AS (
        SELECT 'app', unnest(ARRAY[
            'vetassist_put_user', 'vetassist_user', 'vetassist_find_user', 'vetassist_update_user', 'vetassist_erase_user',
            'vetassist_login', 'vetassist_login_sealed',
            'vetassist_store_tokens', 'vetassist_store_tokens_sealed', 'vetassist_access_token', 'vetassist_refresh_token',
            'vetassist_tokens_sealed', 'vetassist_use_token', 'vetassist_use_token_sealed',
            'vetassist_claim_refreshes', 'vetassist_claim_refreshes_sealed',
            'vetassist_finish_refresh', 'vetassist_finish_refresh_sealed', 'vetassist_fail_refresh',
            'vetassist_token_status', 'vetassist_disconnect', 'vetassist_disconnect_sealed', 'vetassist_tokens_expiring',
            'vetassist_session_active', 'vetassist_session', 'vetassist_new_session', 'vetassist_new_session_sealed',
            'vetassist_extend_session', 'vetassist_list_sessions', 'vetassist_revoke_session', 'vetassist_revoke_session_by_id',
            'vetassist_revoke_all_sessions', 'vetassist_purge_sessions',
            'vetassist_log_event', 'vetassist_log_event_sealed', 'vetassist_known_keys', 'vetassist_note_key'])
        UNION ALL
        SELECT 'auditor', unnest(ARRAY[
            'vetassist_auth_audit', 'vetassist_keyed_ip_hashes', 'vetassist_users_masked',
            'vetassist_audit_checkpoint', 'vetassist_audit_entries', 'vetassist_audit_inclusion',
            'vetassist_audit_consistency', 'vetassist_verify_audit', 'vetassist_note_watch'])
        UNION ALL
        SELECT 'admin', unnest(ARRAY[
            'vetassist_rotate_tokens', 'vetassist_rotation_status', 'vetassist_sealed_page', 'vetassist_reseal',
            'vetassist_reseal_page', 'vetassist_upgrade_ip_hashes', 'vetassist_keys', 'vetassist_reload_keys', 'vetassist_set_active',
            'vetassist_list_sessions', 'vetassist_revoke_session', 'vetassist_revoke_session_by_id',
            'vetassist_revoke_all_sessions', 'vetassist_sign_everybody_out',
            'vetassist_purge_sessions', 'vetassist_purge_audit', 'vetassist_check_schema', 'vetassist_check_dump',
            'vetassist_check', 'vetassist_users_masked',
            'vetassist_seal_audit', 'vetassist_seal_step', 'vetassist_refuse_transaction_block'])
        UNION ALL
        SELECT 'monitor', unnest(ARRAY['vetassist_metrics', 'vetassist_check', 'vetassist_keys'])
        UNION ALL
        -- In a plain installation, a procedure that commits calls these functions for its steps.
        SELECT 'admin', unnest(ARRAY['vetassist_sign_out_step', 'vetassist_note_sign_out'])
    )
    SELECT t.tier, o.privilege, o.object
    FROM tiers AS t
    -- Each name is looked up in an index, because a database may have thousands of functions.
    CROSS JOIN LATERAL (
        -- A table may have the name of a function. Only the tier auditor reads tables.
        SELECT 'SELECT', 'TABLE ' || c.oid::regclass, 'pg_class'::regclass, c.oid
        FROM pg_class AS c
        WHERE c.relname = t.name AND t.tier = 'auditor'
        UNION ALL
        SELECT 'EXECUTE', 'ROUTINE ' || p.oid::regprocedure, 'pg_proc'::regclass, p.oid
        FROM pg_proc AS p
        WHERE p.proname = t.name
    ) AS o (privilege, object, classid, objid)
    JOIN @extschema@.vetassist_objects() AS w ON w.classid = o.classid AND w.objid = o.objid
$$;

-- Returns the privileges on the extension's objects that roles other than the owner have: one row for each privilege, or for
-- each column if it is a privilege on columns. The role 0 is PUBLIC. Grants to vetassist_owner are left out.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_granted() RETURNS TABLE (
    object text, privilege text, columns text, role oid, grantor oid, owner oid, is_grantable boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT o.object, g.privilege_type, o.columns, g.grantee, g.grantor, o.owner, g.is_grantable
    FROM @extschema@.vetassist_objects() AS d
    CROSS JOIN LATERAL (
        SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass, a.columns, a.acl, c.relowner
        FROM pg_class AS c
        CROSS JOIN LATERAL (
            SELECT NULL, c.relacl
            UNION ALL
            SELECT quote_ident(k.attname), k.attacl FROM pg_attribute AS k WHERE k.attrelid = c.oid
        ) AS a (columns, acl)
        WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid
        UNION ALL
        SELECT 'ROUTINE ' || p.oid::regprocedure, NULL, coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner
        FROM pg_proc AS p
        WHERE d.classid = 'pg_proc'::regclass AND p.oid = d.objid
    ) AS o (object, columns, acl, owner)
    CROSS JOIN LATERAL aclexplode(o.acl) AS g
    LEFT JOIN pg_roles AS r ON r.oid = g.grantee
    WHERE g.grantee <> o.owner AND r.rolname IS DISTINCT FROM 'vetassist_owner'
$$;

-- Returns the tiers of each role. A role has a tier if it has all rights of the tier.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_tiers_granted() RETURNS TABLE (role oid, tier text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT g.role, t.tier
    FROM @extschema@.vetassist_tier_privileges() AS t
    JOIN @extschema@.vetassist_granted() AS g ON g.object = t.object AND g.privilege = t.privilege AND g.columns IS NULL
    WHERE g.role <> 0
    GROUP BY g.role, t.tier
    HAVING count(DISTINCT t.object) = (SELECT count(*) FROM @extschema@.vetassist_tier_privileges() AS a WHERE a.tier = t.tier)
$$;

-- Grants a tier to a role. It is not a security definer, so it grants only rights that its caller may grant.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_grant(role regrole, tier text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    granted record;
BEGIN
    IF role IS NULL OR tier IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither argument may be NULL',
            HINT = 'The tiers are app, auditor, admin and monitor.';
    ELSIF tier NOT IN ('app', 'auditor', 'admin', 'monitor') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'there is no such tier',
            HINT = 'The tiers are app, auditor, admin and monitor.';
    ELSIF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = role) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = 'there is no such role',
            HINT = 'Nothing was granted.';
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA @extschema@ TO %s', role);
    FOR granted IN SELECT p.privilege, p.object FROM @extschema@.vetassist_tier_privileges() AS p
                   WHERE p.tier = vetassist_grant.tier LOOP
        EXECUTE format('GRANT %s ON %s TO %s', granted.privilege, granted.object, role);
    END LOOP;
    PERFORM @extschema@.vetassist_write_event('tier_granted'::text, NULL::uuid,
                                              jsonb_build_object('role', role::text, 'tier', tier)::jsonb, NULL::text);
END
$$;

-- Revokes all rights of a role, no matter who granted them, and the rights that the role granted to others. Revokes USAGE on
-- the schema too, unless the role has other objects there. Returns the rights that the role still has, with their source.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_revoke(role regrole) RETURNS TABLE (object text, privilege text, source text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    revoked CONSTANT oid := vetassist_revoke.role;
    own_schema CONSTANT oid := '@extschema@'::regnamespace;
    caller_role CONSTANT text := current_setting('role');
    granted record;
    has_more boolean;
    left_over text;
BEGIN
    IF revoked IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'role must not be NULL',
            HINT = 'Nothing was revoked.';
    END IF;
    has_more := EXISTS (
        SELECT FROM pg_shdepend AS s
        CROSS JOIN LATERAL (
            SELECT c.relnamespace FROM pg_class AS c WHERE s.classid = 'pg_class'::regclass AND c.oid = s.objid
            UNION ALL
            SELECT p.pronamespace FROM pg_proc AS p WHERE s.classid = 'pg_proc'::regclass AND p.oid = s.objid
            UNION ALL
            SELECT t.typnamespace FROM pg_type AS t WHERE s.classid = 'pg_type'::regclass AND t.oid = s.objid
        ) AS o (namespace)
        WHERE s.dbid = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database())
          AND s.refclassid = 'pg_authid'::regclass AND s.refobjid = revoked AND o.namespace = own_schema
          AND NOT EXISTS (SELECT FROM @extschema@.vetassist_objects() AS w
                          WHERE w.classid = s.classid AND w.objid = s.objid));

    -- Rights on columns that the role granted to others come first, each revoked as its grantor: no other role can revoke
    -- it. PostgreSQL does not cascade to them from a right on the table. It does cascade to rights on whole objects.
    FOR granted IN
        WITH RECURSIVE held AS MATERIALIZED (
            SELECT * FROM @extschema@.vetassist_granted()
        ), lost (object, privilege, columns, role, grantor, owner, depth) AS (
            SELECT g.object, g.privilege, g.columns, g.role, g.grantor, g.owner, 0
            FROM held AS g
            WHERE g.role = revoked
            UNION
            SELECT g.object, g.privilege, g.columns, g.role, g.grantor, g.owner, l.depth + 1
            FROM lost AS l
            JOIN held AS g ON g.object = l.object AND g.privilege = l.privilege
                AND g.grantor = l.role AND coalesce(g.columns = l.columns, l.columns IS NULL)
            -- This keeps the grant if its grantor has the right from another grantor, too.
            WHERE l.role = revoked OR NOT EXISTS (
                SELECT FROM held AS o
                WHERE o.role = l.role AND o.object = l.object AND o.privilege = l.privilege AND o.is_grantable
                  AND o.grantor <> l.grantor)
        )
        SELECT l.object, l.privilege || coalesce(' (' || l.columns || ')', '') AS privilege, l.role, l.grantor, l.owner, l.depth
        FROM lost AS l
        WHERE l.depth = 0 OR l.columns IS NOT NULL
        UNION
        SELECT 'SCHEMA ' || n.oid::regnamespace, 'USAGE', revoked, g.grantor, n.nspowner, 0
        FROM pg_namespace AS n
        CROSS JOIN LATERAL aclexplode(n.nspacl) AS g
        WHERE n.oid = own_schema AND g.grantee = revoked AND g.privilege_type = 'USAGE' AND NOT has_more
        ORDER BY depth DESC, object, privilege
    LOOP
        IF granted.grantor <> granted.owner THEN
            PERFORM set_config('role', pg_get_userbyid(granted.grantor)::text, true);
        END IF;
        EXECUTE format('REVOKE %s ON %s FROM %s CASCADE', granted.privilege, granted.object, granted.role::regrole);
        PERFORM set_config('role', caller_role, true);
    END LOOP;

    SELECT string_agg(format('%s on %s from %s', g.privilege, g.object, pg_get_userbyid(g.grantor)), E'\n')
    INTO left_over
    FROM @extschema@.vetassist_granted() AS g
    WHERE g.role = revoked OR g.grantor = revoked;
    IF left_over IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('not all rights of %s can be revoked', role),
            DETAIL = left_over, HINT = 'Nothing was revoked. Call this as a superuser.';
    END IF;

    PERFORM @extschema@.vetassist_write_event('tier_revoked'::text, NULL::uuid,
                                              jsonb_build_object('role', role::text)::jsonb, NULL::text);

    IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.oid = revoked) THEN
        RETURN QUERY SELECT 'everything', 'ALL', 'superuser';
        RETURN;
    END IF;
    RETURN QUERY
        SELECT g.object || coalesce(' (' || g.columns || ')', ''), g.privilege,
               CASE g.role WHEN 0 THEN 'PUBLIC' ELSE 'member of ' || g.role::regrole END
        FROM @extschema@.vetassist_granted() AS g
        WHERE g.role = 0 OR pg_has_role(revoked, g.role, 'MEMBER')
        UNION ALL
        SELECT 'everything', 'ALL', 'member of vetassist_owner'
        WHERE EXISTS (SELECT FROM pg_roles AS r
                      WHERE r.rolname = 'vetassist_owner' AND pg_has_role(revoked, r.oid, 'MEMBER'))
        UNION ALL
        SELECT 'every table', p.privilege, 'member of ' || r.rolname
        FROM (VALUES ('pg_read_all_data', 'SELECT'), ('pg_write_all_data', 'INSERT, UPDATE, DELETE'), ('pg_maintain', 'MAINTAIN'))
            AS p (role, privilege)
        JOIN pg_roles AS r ON r.rolname = p.role AND pg_has_role(revoked, r.oid, 'MEMBER')
        ORDER BY 1, 2, 3;
END
$$;
