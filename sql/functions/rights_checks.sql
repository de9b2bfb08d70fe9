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
$$;
