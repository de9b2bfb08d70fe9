-- Erasure of a veteran's data.
--
-- requires: tables/va_tokens.sql tables/sessions.sql tables/refresh_leases.sql tables/refresh_states.sql
-- requires: functions/events.sql functions/audit_log_erasure.sql

-- Erases a veteran's data. The row of the user stays, without personal data, because the audit trail refers to it.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_erase_user(user_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person @extschema@.vetassist_users%ROWTYPE;
    left_over boolean;
BEGIN
    IF user_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'user_id must not be NULL',
            HINT = 'Nothing was erased.';
    END IF;
    -- The user is locked first, so that a sign-in at the same time comes either before or after the erasure.
    SELECT u.* INTO person FROM @extschema@.vetassist_users AS u
    WHERE u.id = vetassist_erase_user.user_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    left_over := @extschema@.vetassist_erase_audit(person.id::uuid) > 0;
    left_over := left_over OR EXISTS (SELECT FROM @extschema@.vetassist_va_tokens AS t WHERE t.user_id = person.id)
        OR EXISTS (SELECT FROM @extschema@.vetassist_sessions AS s WHERE s.user_id = person.id);
    IF num_nonnulls(person.va_icn, person.va_veteran_status, person.email, person.first_name, person.last_name) = 0
       AND person.is_active IS FALSE AND NOT left_over THEN
        RETURN false;
    END IF;
    DELETE FROM @extschema@.vetassist_va_tokens AS t WHERE t.user_id = person.id;
    DELETE FROM @extschema@.vetassist_refresh_leases AS l WHERE l.user_id = person.id;
    DELETE FROM @extschema@.vetassist_refresh_states AS r WHERE r.user_id = person.id;
    DELETE FROM @extschema@.vetassist_sessions AS s WHERE s.user_id = person.id;
    UPDATE @extschema@.vetassist_users AS u
    SET va_icn = NULL, va_veteran_status = NULL, email = NULL, first_name = NULL, last_name = NULL,
        is_active = false, updated_at = now()
    WHERE u.id = person.id;
    PERFORM @extschema@.vetassist_write_event('user_erased'::text, person.id::uuid, '{}'::jsonb, NULL::text);
    RETURN true;
END
$$;
