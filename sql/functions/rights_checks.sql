-- Problems of rights that an operator should know.
--
-- requires: functions/tiers.sql

-- Returns rows in the form of vetassist_check().
CREATE OR REPLACE FUNCTION @extschema@.vetassist_rights_checks() RETURNS TABLE (severity text, subject text, message text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    -- A role must have only the rights that its tiers grant.
    SELECT 'warning', CASE g.role WHEN 0 THEN 'PUBLIC' ELSE 'role ' || pg_get_userbyid(g.role) END,
           format('has %s on %s, which none of its tiers grants',
                  string_agg(DISTINCT g.privilege || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', '),
                  g.object || coalesce(' (' || g.columns || ')', '')),
           CASE g.role WHEN 0 THEN 'REVOKE it.'
                ELSE 'SELECT vetassist_revoke(...), then vetassist_grant() the tier that it needs. If its tables were adopted, wait until its backend no longer needs these rights.' END
    FROM @extschema@.vetassist_granted() AS g
    WHERE NOT (g.role = 0 AND g.privilege = 'EXECUTE' AND NOT g.is_grantable
               AND split_part(split_part(g.object, 'vetassist_', 2), '(', 1) IN (
                   'generate_key', 'version', 'hash_ip', 'encrypt', 'decrypt', 'decrypt_text', 'derive_user_key'))
      AND (g.is_grantable OR NOT EXISTS (
          SELECT FROM @extschema@.vetassist_tiers_granted() AS h
          JOIN @extschema@.vetassist_tier_privileges() AS p ON p.tier = h.tier
          WHERE h.role = g.role AND p.object = g.object AND p.privilege = g.privilege AND g.columns IS NULL))
    GROUP BY g.role, g.object, g.columns
    UNION ALL
    -- Applications may call another role's function in the schema by mistake: if a driver sends varchar, PostgreSQL prefers a
    -- function that takes varchar to the one of vetassist, which takes text.
    SELECT DISTINCT 'warning', 'schema ' || n.nspname,
           format('%s may create objects in it', CASE w.role WHEN 0 THEN 'PUBLIC' ELSE 'role ' || pg_get_userbyid(w.role) END),
           'Applications could call a function that this role creates there instead of one of vetassist. REVOKE CREATE, or install into a schema in which no other role may create objects.'
    FROM pg_namespace AS n
    CROSS JOIN LATERAL (
        SELECT n.nspowner
        UNION
        SELECT a.grantee FROM aclexplode(n.nspacl) AS a WHERE a.privilege_type = 'CREATE'
    ) AS g (role)
    -- The role pg_database_owner stands for the database's owner.
    CROSS JOIN LATERAL (
        SELECT CASE WHEN pg_get_userbyid(g.role) = 'pg_database_owner'
               THEN (SELECT b.datdba FROM pg_database AS b WHERE b.datname = current_database())
               ELSE g.role END
    ) AS w (role)
    LEFT JOIN pg_roles AS r ON r.oid = w.role
    WHERE n.oid = '@extschema@'::regnamespace AND r.rolsuper IS NOT TRUE
      AND w.role IS DISTINCT FROM (SELECT c.relowner FROM pg_class AS c WHERE c.oid = to_regclass('@extschema@' || '.vetassist_users'))
$$;
