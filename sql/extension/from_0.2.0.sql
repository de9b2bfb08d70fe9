-- Begins an update from 0.2.0: states which tables exist, notes the tiers of each role, and drops objects that the update
-- makes again.
--
-- requires: extension/clear_way.sql extension/owner.sql extension/lock_tables.sql extension/foreign_code.sql
-- provides: extension/adoption.sql extension/adopted_tiers.sql extension/adopted_rights.sql
-- provides: tables/users.sql tables/va_tokens.sql tables/sessions.sql tables/auth_audit.sql tables/keyed_ip_hashes.sql
-- provides: tables/storage.sql

-- The update grants all rights again, and the tiers that roles have now. Rights that default privileges gave at the
-- installation do not count as a tier.
DO $$
DECLARE
    held record;
    kept jsonb := '[]';
BEGIN
    FOR held IN
        WITH tiers (tier, name) AS (
            SELECT 'app', unnest(ARRAY[
                'vetassist_login', 'vetassist_store_tokens', 'vetassist_access_token', 'vetassist_refresh_token',
                'vetassist_tokens_expiring', 'vetassist_session_active', 'vetassist_list_sessions',
                'vetassist_revoke_session', 'vetassist_revoke_all_sessions', 'vetassist_erase_user',
                'vetassist_log_event', 'vetassist_purge_sessions'])
            UNION ALL
            SELECT 'auditor', unnest(ARRAY[
                'vetassist_auth_audit', 'vetassist_keyed_ip_hashes', 'vetassist_users_masked'])
            UNION ALL
            SELECT 'admin', unnest(ARRAY[
                'vetassist_rotate_tokens', 'vetassist_rotate_step', 'vetassist_rotation_status',
                'vetassist_upgrade_ip_hashes', 'vetassist_upgrade_ip_step', 'vetassist_keys', 'vetassist_reload_keys',
                'vetassist_purge_sessions', 'vetassist_purge_audit', 'vetassist_check_schema', 'vetassist_check_dump'])
        ), granted (role, name, privilege, is_initial) AS (
            SELECT g.grantee, o.name, g.privilege_type,
                   EXISTS (SELECT FROM aclexplode(i.initprivs) AS f
                           WHERE f.grantee = g.grantee AND f.privilege_type = g.privilege_type)
            FROM pg_extension AS e
            JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
            JOIN (
                SELECT 'pg_class'::regclass, c.oid, c.relname::text, c.relowner, c.relacl FROM pg_class AS c
                UNION ALL
                SELECT 'pg_class'::regclass, k.attrelid, c.relname::text, c.relowner, k.attacl
                FROM pg_attribute AS k
                JOIN pg_class AS c ON c.oid = k.attrelid
                UNION ALL
                SELECT 'pg_proc'::regclass, p.oid, p.proname::text, p.proowner, p.proacl FROM pg_proc AS p
            ) AS o (classid, objid, name, owner, acl) ON o.classid = d.classid AND o.objid = d.objid
            CROSS JOIN LATERAL aclexplode(o.acl) AS g
            LEFT JOIN pg_init_privs AS i ON i.classoid = d.classid AND i.objoid = d.objid AND i.objsubid = 0
            WHERE e.extname = 'vetassist' AND g.grantee <> 0 AND g.grantee <> o.owner
        ), given (role, tier) AS (
            SELECT g.role, t.tier
            FROM tiers AS t
            JOIN granted AS g ON g.name = t.name AND g.privilege IN ('SELECT', 'EXECUTE') AND NOT g.is_initial
            GROUP BY g.role, t.tier
            HAVING count(DISTINCT t.name) = (SELECT count(*) FROM tiers AS a WHERE a.tier = t.tier)
        )
        SELECT g.role, pg_get_userbyid(g.role) AS name,
               ARRAY(SELECT v.tier FROM given AS v WHERE v.role = g.role) AS tiers,
               string_agg(DISTINCT format('%s on %s', g.privilege, g.name), ', ') FILTER (WHERE NOT EXISTS (
                   SELECT FROM given AS v
                   JOIN tiers AS t ON t.tier = v.tier
                   WHERE v.role = g.role AND t.name = g.name)) AS lost
        FROM granted AS g
        GROUP BY g.role
    LOOP
        kept := kept || (SELECT coalesce(jsonb_agg(jsonb_build_array(held.role::bigint, t.tier)), '[]')
                         FROM unnest(held.tiers) AS t (tier));
        IF held.lost IS NOT NULL THEN
            RAISE WARNING USING MESSAGE = format('role %I loses rights that none of its tiers grants', held.name),
                DETAIL = held.lost, HINT = 'Grant it a tier with vetassist_grant().';
        END IF;
    END LOOP;
    PERFORM set_config('vetassist_script.tiers', kept::text, true);
END
$$;

-- CREATE OR REPLACE can replace neither an event trigger nor a function with another return type.
DROP EVENT TRIGGER vetassist_guard_drop;
DROP FUNCTION @extschema@.vetassist_revoke(regrole);
DROP FUNCTION @extschema@.vetassist_detach();

-- No function calls these functions now.
DROP FUNCTION @extschema@.vetassist_names_address(text), @extschema@.vetassist_hash_ip_text(text),
    @extschema@.vetassist_hashes_are_keyed(),
    @extschema@.vetassist_rotate_step(jsonb, integer), @extschema@.vetassist_rotate_rows(uuid[]),
    @extschema@.vetassist_upgrade_ip_step(jsonb, integer), @extschema@.vetassist_upgrade_audit_batch(bigint, integer),
    @extschema@.vetassist_device_ip_hashes(jsonb), @extschema@.vetassist_forbid_transaction_block(text),
    @extschema@.vetassist_refuse_sign_in(uuid), @extschema@.vetassist_require_active_user(uuid);
