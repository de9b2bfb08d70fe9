-- Notes the tiers that roles have in a plain installation that is adopted.
--
-- requires: extension/adoption.sql functions/tiers.sql

-- A role has a tier if it may call every function of the tier that existed before. extension/kept_tiers.sql grants it the
-- other functions.
DO $$
DECLARE
    adopted CONSTANT oid[] := current_setting('vetassist_script.adopted_functions');
BEGIN
    PERFORM set_config('vetassist_script.tiers', coalesce((
        SELECT jsonb_agg(jsonb_build_array(h.role::bigint, h.tier))
        FROM (
            SELECT g.grantee, t.tier
            FROM @extschema@.vetassist_tier_privileges() AS t
            JOIN pg_proc AS p ON t.object = 'ROUTINE ' || p.oid::regprocedure AND p.oid = ANY (adopted)
            CROSS JOIN LATERAL aclexplode(p.proacl) AS g
            WHERE g.privilege_type = 'EXECUTE' AND g.grantee NOT IN (0, p.proowner)
            GROUP BY g.grantee, t.tier
            HAVING count(DISTINCT t.object) = (
                SELECT count(*) FROM @extschema@.vetassist_tier_privileges() AS a
                JOIN pg_proc AS f ON a.object = 'ROUTINE ' || f.oid::regprocedure AND f.oid = ANY (adopted)
                WHERE a.tier = t.tier)
        ) AS h (role, tier)
        WHERE h.role NOT IN (SELECT r.oid FROM pg_roles AS r
                             WHERE r.rolname IN ('vetassist_owner', current_setting('vetassist_script.adopted_from')))
    ), '[]')::text, true);
END
$$;
