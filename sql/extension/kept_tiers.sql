-- Grants roles the tiers that they had before an update, or in a plain installation that was adopted.
--
-- requires: extension/rights.sql

-- vetassist_grant() would write an event, but no role gets a new right here.
DO $$
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT r.oid::regrole AS role, p.privilege, p.object
        FROM jsonb_array_elements(current_setting('vetassist_script.tiers')::jsonb) AS e (pair)
        CROSS JOIN LATERAL (SELECT (e.pair ->> 0)::oid, e.pair ->> 1) AS t (role, tier)
        JOIN pg_roles AS r ON r.oid = t.role AND NOT r.rolsuper
        CROSS JOIN LATERAL (
            SELECT 'USAGE', 'SCHEMA @extschema@'
            UNION ALL
            SELECT a.privilege, a.object FROM @extschema@.vetassist_tier_privileges() AS a WHERE a.tier = t.tier
        ) AS p (privilege, object)
    LOOP
        PERFORM @extschema@.vetassist_grant_dumped(
            format('GRANT %s ON %s TO %s', held.privilege, held.object, held.role)::text);
    END LOOP;
END
$$;
