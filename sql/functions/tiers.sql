-- What each tier may do: grant and revoke.
--
-- requires: tables/keyed_ip_hashes.sql

-- Users as somebody may see them who is to know that they are there and no more. No view: a view would
-- hold the columns of the table fast.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_users_masked() RETURNS TABLE (
    id uuid, va_icn text, va_veteran_status text, email text, first_name text, last_name text,
    is_active boolean, created_at timestamptz, updated_at timestamptz, last_login_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT u.id,
               CASE WHEN length(u.va_icn) > 8 THEN '***' || right(u.va_icn, 4) WHEN u.va_icn IS NOT NULL THEN '***' END,
               u.va_veteran_status::text,
               left(u.email, 1) || '***' || coalesce('@' || nullif(split_part(u.email, '@', 2), ''), ''),
               left(u.first_name, 1) || '***',
               left(u.last_name, 1) || '***',
               u.is_active, u.created_at, u.updated_at, u.last_login_at
        FROM @extschema@.vetassist_users AS u;
END
$$;

-- What each tier may do.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_tier_privileges() RETURNS TABLE (tier text, privilege text, object text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'app', 'EXECUTE', 'FUNCTION @extschema@.' || f
    FROM unnest(ARRAY[
        'vetassist_login', 'vetassist_store_tokens', 'vetassist_access_token', 'vetassist_refresh_token',
        'vetassist_tokens_expiring', 'vetassist_session_active', 'vetassist_list_sessions',
        'vetassist_revoke_session', 'vetassist_revoke_all_sessions', 'vetassist_erase_user',
        'vetassist_log_event', 'vetassist_purge_sessions']) AS f
    UNION ALL
    SELECT 'auditor', 'SELECT', 'TABLE @extschema@.' || t
    FROM unnest(ARRAY['vetassist_auth_audit', 'vetassist_keyed_ip_hashes']) AS t
    UNION ALL
    SELECT 'auditor', 'EXECUTE', 'FUNCTION @extschema@.vetassist_users_masked'
    UNION ALL
    SELECT 'admin', 'EXECUTE', 'ROUTINE @extschema@.' || f
    FROM unnest(ARRAY[
        'vetassist_rotate_tokens', 'vetassist_rotation_status',
        'vetassist_upgrade_ip_hashes', 'vetassist_upgrade_ip_step', 'vetassist_keys', 'vetassist_reload_keys',
        'vetassist_purge_sessions', 'vetassist_purge_audit', 'vetassist_check_schema', 'vetassist_check_dump']) AS f
$$;

-- Not a security definer: it grants what its caller may grant.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_grant(role regrole, tier text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    granted record;
BEGIN
    IF role IS NULL OR tier IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither argument may be NULL',
            HINT = 'The tiers are app, auditor and admin.';
    ELSIF tier NOT IN ('app', 'auditor', 'admin') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'there is no such tier',
            HINT = 'The tiers are app, auditor and admin.';
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA @extschema@ TO %s', role);
    FOR granted IN SELECT p.privilege, p.object FROM @extschema@.vetassist_tier_privileges() AS p
                   WHERE p.tier = vetassist_grant.tier LOOP
        EXECUTE format('GRANT %s ON %s TO %s', granted.privilege, granted.object, role);
    END LOOP;
END
$$;

-- USAGE on the schema stays: it may have been there before, and opens nothing by itself.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_revoke(role regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    granted record;
BEGIN
    IF role IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'role must not be NULL',
            HINT = 'Nothing was revoked.';
    END IF;
    FOR granted IN SELECT p.privilege, p.object FROM @extschema@.vetassist_tier_privileges() AS p LOOP
        EXECUTE format('REVOKE %s ON %s FROM %s', granted.privilege, granted.object, role);
    END LOOP;
END
$$;
