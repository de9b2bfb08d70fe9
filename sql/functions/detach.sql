-- Leaving: the extension goes and its data stay.
--
-- requires: tables/keyed_ip_hashes.sql tables/append_only.sql

-- Makes the tables ordinary ones, so that the extension can be dropped and its data stay. CREATE EXTENSION
-- adopts them again. Not a security definer: it takes the owner.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_detach() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member text;
BEGIN
    -- The guard calls functions of the extension's, so it goes with them. Until then nothing guards the trail.
    DROP TRIGGER vetassist_auth_audit_append_only ON @extschema@.vetassist_auth_audit;
    DROP TRIGGER vetassist_auth_audit_append_only_rows ON @extschema@.vetassist_auth_audit;
    DROP TRIGGER vetassist_auth_audit_id ON @extschema@.vetassist_auth_audit;
    FOREACH member IN ARRAY ARRAY['vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions',
                                  'vetassist_auth_audit', 'vetassist_keyed_ip_hashes'] LOOP
        EXECUTE format('ALTER EXTENSION vetassist DROP TABLE @extschema@.%I', member);
    END LOOP;
    ALTER EXTENSION vetassist DROP SEQUENCE @extschema@.vetassist_auth_audit_id_seq;
END
$$;
