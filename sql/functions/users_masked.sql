-- Users with masked personal data.
--
-- requires: tables/users.sql

-- Returns all users with their personal data masked, for roles that must not see it. It is a function because a view would
-- prevent changes of the table's columns.
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
