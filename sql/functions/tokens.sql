-- Tokens of VA.gov under the server's key ring: seal, store, open.
--
-- requires: tables/va_tokens.sql functions/keyring.sql functions/sealed_tokens.sql functions/leases.sql functions/refresh.sql

CREATE OR REPLACE FUNCTION @extschema@.vetassist_encrypt_token(token text, user_id uuid) RETURNS bytea
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_encrypt_token_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_decrypt_token(sealed bytea, user_id uuid) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_decrypt_token_wrapper';

-- Seals tokens and passes them to vetassist_store_tokens_sealed(), so that no inner statement gets a token in the clear.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_store_tokens(
    user_id uuid,
    access_token text,
    expires_at timestamptz,
    refresh_token text DEFAULT NULL,
    token_type text DEFAULT NULL,
    scope text DEFAULT NULL
) RETURNS void
LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_store_tokens_wrapper';

-- Seals tokens and passes them to vetassist_finish_refresh_sealed() in the same way.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_finish_refresh(
    lease_id uuid,
    access_token text,
    expires_at timestamptz,
    refresh_token text DEFAULT NULL,
    token_type text DEFAULT NULL,
    scope text DEFAULT NULL
) RETURNS text
LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_finish_refresh_wrapper';

-- Opens a user's token. Returns NULL if no key of the ring opens it.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_opened_token(sealed bytea, user_id uuid) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_opened_token_wrapper';

-- Returns the value of vetassist.audit_openings: whether opening a stored token is an event. If it is on, it writes a line
-- to the server's log, which a rollback cannot undo, and raises an error if no event can be written.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_opening_is_event(user_id uuid, token text) RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'vetassist_opening_is_event_wrapper';

-- Writes an event that a stored token is opened, if vetassist.audit_openings is on.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_note_opening(user_id uuid, token text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF @extschema@.vetassist_opening_is_event(user_id::uuid, token::text) THEN
        PERFORM @extschema@.vetassist_write_event('token_opened'::text, user_id::uuid,
                                                  jsonb_build_object('token', token)::jsonb, NULL::text);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_access_token(user_id uuid) RETURNS text
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sealed CONSTANT bytea := (SELECT t.access_token_encrypted FROM @extschema@.vetassist_va_tokens AS t
                              WHERE t.user_id = vetassist_access_token.user_id);
BEGIN
    IF sealed IS NOT NULL THEN
        PERFORM @extschema@.vetassist_note_opening(user_id::uuid, 'access'::text);
    END IF;
    RETURN @extschema@.vetassist_decrypt_token(sealed::bytea, user_id::uuid);
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_refresh_token(user_id uuid) RETURNS text
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sealed CONSTANT bytea := (SELECT t.refresh_token_encrypted FROM @extschema@.vetassist_va_tokens AS t
                              WHERE t.user_id = vetassist_refresh_token.user_id);
BEGIN
    IF sealed IS NOT NULL THEN
        PERFORM @extschema@.vetassist_note_opening(user_id::uuid, 'refresh'::text);
    END IF;
    RETURN @extschema@.vetassist_decrypt_token(sealed::bytea, user_id::uuid);
END
$$;

-- Opens the tokens that vetassist_use_token_sealed() returns. An access token that does not open counts as expired. If the
-- refresh token does not open, the refresh fails with the error unopenable.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_use_token(
    user_id uuid,
    min_lifetime interval DEFAULT '1 minute',
    lease interval DEFAULT '30 seconds'
) RETURNS TABLE (state text, access_token text, expires_at timestamptz, refresh_token text, lease_id uuid, retry_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
#variable_conflict use_column
DECLARE
    sealed record;
BEGIN
    SELECT s.* INTO sealed
    FROM @extschema@.vetassist_use_token_sealed(user_id::uuid, min_lifetime::interval, lease::interval) AS s;
    access_token := @extschema@.vetassist_opened_token(sealed.access_token::bytea, user_id::uuid);
    IF sealed.state = 'ready' AND access_token IS NULL THEN
        SELECT s.* INTO sealed
        FROM @extschema@.vetassist_use_token_sealed(user_id::uuid, interval '100 years'::interval, lease::interval) AS s;
        IF sealed.state = 'ready' THEN
            sealed.state := 'reconnect';
        END IF;
    END IF;
    state := sealed.state;
    expires_at := sealed.expires_at;
    lease_id := sealed.lease_id;
    retry_at := sealed.retry_at;
    refresh_token := @extschema@.vetassist_opened_token(sealed.refresh_token::bytea, user_id::uuid);
    IF state = 'refresh' AND refresh_token IS NULL THEN
        PERFORM @extschema@.vetassist_note_failure(lease_id::uuid, user_id::uuid, 'unopenable'::text, false);
        state := 'wait';
        lease_id := NULL;
        retry_at := (SELECT s.retry_at FROM @extschema@.vetassist_refresh_states AS s
                     WHERE s.user_id = vetassist_use_token.user_id);
    END IF;
    IF access_token IS NOT NULL THEN
        PERFORM @extschema@.vetassist_note_opening(user_id::uuid, 'access'::text);
    END IF;
    IF refresh_token IS NOT NULL THEN
        PERFORM @extschema@.vetassist_note_opening(user_id::uuid, 'refresh'::text);
    END IF;
    RETURN NEXT;
END
$$;

-- Opens the tokens that vetassist_claim_refreshes_sealed() returns. If a token does not open, its refresh fails with the
-- error unopenable; the other tokens are returned.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_claim_refreshes(
    within interval DEFAULT '5 minutes',
    max_rows integer DEFAULT 10,
    lease interval DEFAULT '1 minute'
) RETURNS TABLE (user_id uuid, refresh_token text, expires_at timestamptz, lease_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 10
AS $$
#variable_conflict use_column
DECLARE
    sealed record;
BEGIN
    FOR sealed IN
        SELECT s.* FROM @extschema@.vetassist_claim_refreshes_sealed(within::interval, max_rows::integer, lease::interval) AS s
    LOOP
        user_id := sealed.user_id;
        expires_at := sealed.expires_at;
        lease_id := sealed.lease_id;
        refresh_token := @extschema@.vetassist_opened_token(sealed.refresh_token::bytea, sealed.user_id::uuid);
        IF refresh_token IS NULL THEN
            PERFORM @extschema@.vetassist_note_failure(lease_id::uuid, user_id::uuid, 'unopenable'::text, false);
        ELSE
            PERFORM @extschema@.vetassist_note_opening(user_id::uuid, 'refresh'::text);
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

-- Opens the tokens that vetassist_disconnect_sealed() returns. Returns NULL for a token that does not open.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_disconnect(user_id uuid) RETURNS TABLE (access_token text, refresh_token text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
DECLARE
    sealed record;
BEGIN
    SELECT s.* INTO sealed FROM @extschema@.vetassist_disconnect_sealed(user_id::uuid) AS s;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM @extschema@.vetassist_note_opening(user_id::uuid, 'both'::text);
    access_token := @extschema@.vetassist_opened_token(sealed.access_token::bytea, user_id::uuid);
    refresh_token := @extschema@.vetassist_opened_token(sealed.refresh_token::bytea, user_id::uuid);
    RETURN NEXT;
END
$$;
