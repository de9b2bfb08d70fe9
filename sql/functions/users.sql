-- Accounts.
--
-- requires: tables/users.sql

-- Raises what is wrong with a user that must be there and active. The row is kept from being erased until
-- the transaction ends.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_require_active_user(wanted uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    active boolean;
BEGIN
    SELECT u.is_active INTO active FROM @extschema@.vetassist_users AS u WHERE u.id = wanted FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'foreign_key_violation', MESSAGE = 'there is no such user',
            HINT = 'Users are made by vetassist_login().';
    ELSIF active IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'VA001', MESSAGE = 'the account is not active',
            DETAIL = format('user_id %s', wanted), HINT = 'Nothing was stored.';
    END IF;
END
$$;
