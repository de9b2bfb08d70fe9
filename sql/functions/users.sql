-- Accounts: make, find, read, change, deactivate.
--
-- requires: tables/users.sql tables/sessions.sql functions/events.sql functions/lengths.sql

-- Returns an ICN, and refuses a placeholder such as "unknown", because two veterans would share an account. Invisible
-- characters in it do not count, and neither do blanks and punctuation around it.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_checked_icn(va_icn text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF va_icn IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'va_icn must not be NULL',
            HINT = 'Pass the ICN that VA.gov returns.';
    ELSIF va_icn !~ '[A-Za-z0-9]' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'va_icn must not be blank',
            HINT = 'Pass the ICN that VA.gov returns.';
    ELSIF lower(regexp_replace(regexp_replace(va_icn, '[^ -~]', '', 'g'), '^[^A-Za-z0-9]+|[^A-Za-z0-9]+$', '', 'g') COLLATE "C")
          IN ('unknown', 'none', 'null', 'undefined', 'n/a') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'va_icn is a placeholder, not an ICN',
            HINT = 'Pass the ICN that VA.gov returns. Two veterans without one would share an account.';
    ELSIF length(va_icn) > 50 THEN
        RAISE EXCEPTION USING ERRCODE = 'string_data_right_truncation', MESSAGE = 'va_icn is longer than its column',
            HINT = 'Pass a shorter value: the lengths of the columns are fixed.';
    END IF;
    RETURN va_icn;
END
$$;

-- Returns the id of an account. Raises an error if the account is not active.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_checked_active(user_id uuid, is_active boolean, consequence text) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF is_active IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'VA001', MESSAGE = 'the account is not active',
            DETAIL = format('user_id %s', user_id), HINT = consequence;
    END IF;
    RETURN user_id;
END
$$;

-- Returns the id of an active account, and prevents its erasure until the transaction ends. Raises an error if the account
-- does not exist or is not active.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_hold_active_user(user_id uuid, consequence text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_active boolean;
BEGIN
    IF user_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'user_id must not be NULL', HINT = consequence;
    END IF;
    SELECT u.is_active INTO is_active
    FROM @extschema@.vetassist_users AS u
    WHERE u.id = vetassist_hold_active_user.user_id
    FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'foreign_key_violation', MESSAGE = 'there is no such user', HINT = consequence;
    END IF;
    RETURN @extschema@.vetassist_checked_active(user_id::uuid, is_active::boolean, consequence::text);
END
$$;

-- Makes the account of an ICN, or updates it. A NULL keeps the stored value. It is not a sign-in: last_login_at stays.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_put_user(
    va_icn text,
    veteran_status text DEFAULT NULL,
    email text DEFAULT NULL,
    first_name text DEFAULT NULL,
    last_name text DEFAULT NULL
) RETURNS TABLE (user_id uuid, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
#variable_conflict use_column
BEGIN
    va_icn := @extschema@.vetassist_checked_icn(va_icn::text);
    PERFORM @extschema@.vetassist_check_lengths(veteran_status::text, vetassist_put_user.email::text,
                                                vetassist_put_user.first_name::text, vetassist_put_user.last_name::text,
                                                NULL::text, NULL::text);
    INSERT INTO @extschema@.vetassist_users AS u (va_icn, va_veteran_status, email, first_name, last_name)
    VALUES (vetassist_put_user.va_icn, veteran_status, vetassist_put_user.email, vetassist_put_user.first_name,
            vetassist_put_user.last_name)
    ON CONFLICT (va_icn) DO NOTHING
    RETURNING u.id INTO user_id;
    is_new := FOUND;
    IF is_new THEN
        PERFORM @extschema@.vetassist_write_event('user_updated'::text, user_id::uuid, '{"new_user": true}'::jsonb, NULL::text);
    ELSE
        SELECT u.id INTO user_id FROM @extschema@.vetassist_users AS u WHERE u.va_icn = vetassist_put_user.va_icn;
        PERFORM @extschema@.vetassist_update_user(user_id::uuid, veteran_status::text, vetassist_put_user.email::text,
                                                  vetassist_put_user.first_name::text, vetassist_put_user.last_name::text);
    END IF;
    RETURN NEXT;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_user(user_id uuid) RETURNS TABLE (
    id uuid, va_icn text, va_veteran_status text, email text, first_name text, last_name text,
    is_active boolean, created_at timestamptz, updated_at timestamptz, last_login_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT u.id, u.va_icn::text, u.va_veteran_status::text, u.email::text, u.first_name::text, u.last_name::text,
               u.is_active, u.created_at, u.updated_at, u.last_login_at
        FROM @extschema@.vetassist_users AS u
        WHERE u.id = vetassist_user.user_id;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_find_user(va_icn text) RETURNS uuid
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT u.id FROM @extschema@.vetassist_users AS u WHERE u.va_icn = vetassist_find_user.va_icn);
END
$$;

-- Updates an account. A NULL keeps the stored value. Returns whether a value changed.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_update_user(
    user_id uuid,
    veteran_status text DEFAULT NULL,
    email text DEFAULT NULL,
    first_name text DEFAULT NULL,
    last_name text DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@.vetassist_check_lengths(veteran_status::text, email::text, first_name::text, last_name::text,
                                                NULL::text, NULL::text);
    PERFORM @extschema@.vetassist_hold_active_user(user_id::uuid, 'Nothing was changed.'::text);
    UPDATE @extschema@.vetassist_users AS u
    SET va_veteran_status = coalesce(veteran_status, u.va_veteran_status),
        email = coalesce(vetassist_update_user.email, u.email),
        first_name = coalesce(vetassist_update_user.first_name, u.first_name),
        last_name = coalesce(vetassist_update_user.last_name, u.last_name),
        updated_at = statement_timestamp()
    WHERE u.id = vetassist_update_user.user_id
      AND (veteran_status IS NOT NULL AND veteran_status IS DISTINCT FROM u.va_veteran_status
           OR vetassist_update_user.email IS NOT NULL AND vetassist_update_user.email IS DISTINCT FROM u.email
           OR vetassist_update_user.first_name IS NOT NULL AND vetassist_update_user.first_name IS DISTINCT FROM u.first_name
           OR vetassist_update_user.last_name IS NOT NULL AND vetassist_update_user.last_name IS DISTINCT FROM u.last_name);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM @extschema@.vetassist_write_event('user_updated'::text, user_id::uuid, '{}'::jsonb, NULL::text);
    RETURN true;
END
$$;

-- Activates or deactivates an account. Deactivation ends its sessions. Returns whether the call changed something.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_set_active(user_id uuid, is_active boolean, reason text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person @extschema@.vetassist_users%ROWTYPE;
    ended integer := 0;
BEGIN
    IF user_id IS NULL OR is_active IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither user_id nor is_active may be NULL',
            HINT = 'Nothing was changed.';
    ELSIF length(reason) > 200 THEN
        RAISE EXCEPTION USING ERRCODE = 'string_data_right_truncation', MESSAGE = 'reason is longer than 200 characters',
            HINT = 'Nothing was changed.';
    END IF;
    PERFORM @extschema@.vetassist_check_event_data(jsonb_build_object('reason', reason)::jsonb);
    SELECT u.* INTO person FROM @extschema@.vetassist_users AS u
    WHERE u.id = vetassist_set_active.user_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    ELSIF is_active AND person.va_icn IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'an account without an ICN cannot be activated',
            HINT = 'The account was erased. The veteran gets a new account at the next sign-in.';
    END IF;
    IF NOT is_active THEN
        UPDATE @extschema@.vetassist_sessions AS s
        SET revoked_at = statement_timestamp()
        WHERE s.user_id = person.id AND s.revoked_at IS NULL;
        GET DIAGNOSTICS ended = ROW_COUNT;
    END IF;
    IF person.is_active IS NOT DISTINCT FROM is_active AND ended = 0 THEN
        RETURN false;
    END IF;
    UPDATE @extschema@.vetassist_users AS u
    SET is_active = vetassist_set_active.is_active, updated_at = statement_timestamp()
    WHERE u.id = person.id;
    IF is_active THEN
        PERFORM @extschema@.vetassist_write_event('user_activated'::text, user_id::uuid,
                                                  jsonb_build_object('reason', reason)::jsonb, NULL::text);
    ELSE
        PERFORM @extschema@.vetassist_write_event('user_deactivated'::text, user_id::uuid,
                                                  jsonb_build_object('reason', reason, 'sessions', ended)::jsonb, NULL::text);
    END IF;
    RETURN true;
END
$$;
