-- Grants the tiers again that roles had before an update, or in the plain installation that was adopted.
--
-- requires: extension/rights.sql

DO $$
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT r.oid::regrole AS role, t.tier
        FROM jsonb_array_elements(current_setting('vetassist_script.tiers')::jsonb) AS e (pair)
        CROSS JOIN LATERAL (SELECT (e.pair ->> 0)::oid, e.pair ->> 1) AS t (role, tier)
        JOIN pg_roles AS r ON r.oid = t.role AND NOT r.rolsuper
    LOOP
        PERFORM @extschema@.vetassist_grant_dumped(
            format('SELECT @extschema@.vetassist_grant(%L::regrole, %L::text)', held.role, held.tier)::text);
    END LOOP;
END
$$;
