-- vetassist 0.1.0 as it was released. Never edited again: databases were made by it, and the tests make them by it
-- to upgrade them.

-- First of all: where sql/plain_guard.sql guards the audit trail, its function has the name that the
-- library's takes. It goes with its trigger, whoever owns it, and is back if the tables are not adopted.
DO $$
DECLARE
    caller_path CONSTANT text := pg_catalog.current_setting('search_path');
    own_schema CONSTANT text := '@extschema@';
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF EXISTS (SELECT FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
               WHERE p.pronamespace = own_schema::regnamespace AND p.proname = 'vetassist_audit_guard'
                 AND p.pronargs = 0 AND p.prorettype = 'trigger'::regtype AND l.lanname = 'plpgsql') THEN
        EXECUTE format('DROP TRIGGER IF EXISTS vetassist_auth_audit_append_only ON %s.vetassist_auth_audit', own_schema);
        EXECUTE format('DROP FUNCTION %s.vetassist_audit_guard()', own_schema);
    END IF;
    PERFORM set_config('search_path', caller_path, true);
END
$$;

CREATE  FUNCTION "vetassist_check_event_data"(
	"event_data" jsonb /* Jsonb */
) RETURNS VOID /* Outcome < () > */
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_check_event_data_wrapper';

CREATE  FUNCTION "vetassist_check_schema"() RETURNS TABLE (
	"object" TEXT,  /* String */
	"problem" TEXT,  /* String */
	"expected" TEXT,  /* Option < String > */
	"found" TEXT  /* Option < String > */
)
STRICT STABLE PARALLEL RESTRICTED
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_check_schema_wrapper';

-- A database that ran the plain migration has the four tables already, with data. They become the
-- extension's if they are the installing role's and exactly what they must be. Otherwise nothing
-- happens but an error that names every difference: what this script did before is rolled back.
DO $$
DECLARE
    caller_path CONSTANT text := pg_catalog.current_setting('search_path');
    own_schema text;
    present text[];
    candidate record;
    differences text;
    refused text;
BEGIN
    -- What anybody may have created in the extension's schema is not looked at.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

    SELECT n.nspname INTO own_schema
    FROM pg_extension e
    JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'vetassist';

    -- Nobody may change a table between the look at it and its adoption.
    FOR candidate IN
        SELECT c.relname
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = own_schema AND c.relkind IN ('r', 'p')
          AND c.relname IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions', 'vetassist_auth_audit')
        ORDER BY c.relname
    LOOP
        EXECUTE format('LOCK TABLE ONLY %I.%I IN ACCESS EXCLUSIVE MODE', own_schema, candidate.relname);
    END LOOP;

    SELECT array_agg(c.relname::text) INTO present
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = own_schema
      AND c.relname IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions', 'vetassist_auth_audit');

    IF present IS NOT NULL THEN
        EXECUTE format($query$
            SELECT string_agg(line, E'\n' ORDER BY line)
            FROM (
                SELECT format('%%s: %%s', object, problem)
                       || coalesce(', expected ' || expected, '') || coalesce(', found ' || found, '')
                FROM %1$I.vetassist_check_schema()
                UNION ALL
                SELECT format('%%s: owner, expected %%s, found %%s', c.relname, current_user, pg_get_userbyid(c.relowner))
                FROM pg_class c
                WHERE c.relnamespace = to_regnamespace(%2$L)
                  AND c.relname IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions', 'vetassist_auth_audit',
                                    'vetassist_auth_audit_id_seq', 'vetassist_keyed_ip_hashes')
                  AND pg_get_userbyid(c.relowner) <> current_user
                UNION ALL
                SELECT format('%%s: belongs to extension %%s', c.relname, x.extname)
                FROM pg_class c
                JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                JOIN pg_extension x ON x.oid = d.refobjid
                WHERE c.relnamespace = to_regnamespace(%2$L)
                  AND c.relname IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions', 'vetassist_auth_audit',
                                    'vetassist_auth_audit_id_seq', 'vetassist_keyed_ip_hashes')
            ) AS lines (line)
            $query$, own_schema, quote_ident(own_schema))
        INTO differences;

        IF differences IS NOT NULL THEN
            refused := 'the existing tables in schema ' || quote_ident(own_schema) || ' cannot be adopted';
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = refused,
                DETAIL = differences,
                HINT = 'Nothing was changed. Mend each difference, or install into another schema with CREATE EXTENSION vetassist SCHEMA <name>.';
        END IF;

        EXECUTE format('ALTER EXTENSION vetassist ADD TABLE %I.vetassist_users', own_schema);
        EXECUTE format('ALTER EXTENSION vetassist ADD TABLE %I.vetassist_va_tokens', own_schema);
        EXECUTE format('ALTER EXTENSION vetassist ADD TABLE %I.vetassist_sessions', own_schema);
        EXECUTE format('ALTER EXTENSION vetassist ADD SEQUENCE %I.vetassist_auth_audit_id_seq', own_schema);
        EXECUTE format('ALTER EXTENSION vetassist ADD TABLE %I.vetassist_auth_audit', own_schema);
        -- Left by vetassist_detach(). Without it, keyed hashes would be taken for plain ones.
        IF to_regclass(format('%I.vetassist_keyed_ip_hashes', own_schema)) IS NOT NULL THEN
            EXECUTE format('ALTER EXTENSION vetassist ADD TABLE %I.vetassist_keyed_ip_hashes', own_schema);
        END IF;
    END IF;

    PERFORM set_config('search_path', caller_path, true);
END
$$;

-- Accounts. IF NOT EXISTS, because the table may be there already: sql/adopt.sql has then made it the
-- extension's, and PostgreSQL lets nobody else's table pass in an extension's script.
CREATE TABLE IF NOT EXISTS vetassist_users (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    va_icn            varchar(50) UNIQUE,
    va_veteran_status varchar(20),
    email             varchar(255),
    first_name        varchar(100),
    last_name         varchar(100),
    is_active         boolean DEFAULT true,
    created_at        timestamptz DEFAULT now(),
    updated_at        timestamptz DEFAULT now(),
    last_login_at     timestamptz
);

COMMENT ON TABLE vetassist_users IS 'VetAssist user accounts linked to VA identity';

-- The sealed tokens of VA.gov, one row a user.
CREATE TABLE IF NOT EXISTS vetassist_va_tokens (
    id                      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id                 uuid NOT NULL UNIQUE REFERENCES vetassist_users (id) ON DELETE CASCADE,
    access_token_encrypted  bytea NOT NULL,
    refresh_token_encrypted bytea,
    token_type              varchar(20) DEFAULT 'Bearer',
    scope                   varchar(500),
    expires_at              timestamptz NOT NULL,
    created_at              timestamptz DEFAULT now(),
    refreshed_at            timestamptz
);

COMMENT ON TABLE vetassist_va_tokens IS 'Encrypted VA OAuth tokens - access and refresh';
COMMENT ON COLUMN vetassist_va_tokens.access_token_encrypted IS 'AES-256-GCM encrypted, nonce prepended';

-- Sessions, each known by the jti claim of its JWT.
CREATE TABLE IF NOT EXISTS vetassist_sessions (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     uuid NOT NULL REFERENCES vetassist_users (id) ON DELETE CASCADE,
    jwt_id      varchar(64) UNIQUE NOT NULL,
    device_info jsonb,
    created_at  timestamptz DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz
);

CREATE INDEX IF NOT EXISTS idx_vetassist_sessions_user ON vetassist_sessions (user_id);
CREATE INDEX IF NOT EXISTS idx_vetassist_sessions_jwt ON vetassist_sessions (jwt_id);
CREATE INDEX IF NOT EXISTS idx_vetassist_sessions_expires ON vetassist_sessions (expires_at)
    WHERE revoked_at IS NULL;

COMMENT ON TABLE vetassist_sessions IS 'Active VetAssist sessions for JWT management';
COMMENT ON COLUMN vetassist_sessions.jwt_id IS 'Maps to JWT jti claim for revocation';

-- What happened, to whom, from which (hashed) address.
CREATE TABLE IF NOT EXISTS vetassist_auth_audit (
    id         bigserial PRIMARY KEY,
    user_id    uuid REFERENCES vetassist_users (id),
    event_type varchar(50) NOT NULL,
    event_data jsonb,
    ip_hash    varchar(64),
    created_at timestamptz DEFAULT now()
);

CREATE INDEX IF NOT EXISTS idx_vetassist_audit_user ON vetassist_auth_audit (user_id);
CREATE INDEX IF NOT EXISTS idx_vetassist_audit_type ON vetassist_auth_audit (event_type);
CREATE INDEX IF NOT EXISTS idx_vetassist_audit_created ON vetassist_auth_audit (created_at);

COMMENT ON TABLE vetassist_auth_audit IS 'Security audit log for authentication events';

-- Which stored address hashes are keyed: they look like plain ones. One row for each hash, however
-- often it is stored.
CREATE TABLE IF NOT EXISTS vetassist_keyed_ip_hashes (
    ip_hash varchar(64) PRIMARY KEY
);

COMMENT ON TABLE vetassist_keyed_ip_hashes IS 'Address hashes that are keyed, of those that vetassist_auth_audit and vetassist_sessions hold';

-- pg_dump leaves the rows of an extension's tables out, unless it is told that they are the user's.
SELECT pg_catalog.pg_extension_config_dump('vetassist_users', '');
SELECT pg_catalog.pg_extension_config_dump('vetassist_va_tokens', '');
SELECT pg_catalog.pg_extension_config_dump('vetassist_sessions', '');
SELECT pg_catalog.pg_extension_config_dump('vetassist_auth_audit', '');
SELECT pg_catalog.pg_extension_config_dump('vetassist_keyed_ip_hashes', '');
-- The next id of the audit trail, too.
SELECT pg_catalog.pg_extension_config_dump('vetassist_auth_audit_id_seq', '');

CREATE  FUNCTION "vetassist_decrypt"(
	"sealed" bytea, /* & [u8] */
	"key" bytea, /* & [u8] */
	"aad" bytea DEFAULT '' /* & [u8] */
) RETURNS bytea /* Outcome < Bytea > */
STRICT STABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_decrypt_wrapper';

CREATE  FUNCTION "vetassist_decrypt_text"(
	"sealed" bytea, /* & [u8] */
	"key" bytea, /* & [u8] */
	"aad" bytea DEFAULT '' /* & [u8] */
) RETURNS text /* Outcome < Text > */
STRICT STABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_decrypt_text_wrapper';

CREATE  FUNCTION "vetassist_decrypt_token"(
	"sealed" bytea, /* & [u8] */
	"user_id" uuid /* pgrx :: Uuid */
) RETURNS text /* Outcome < Text > */
STRICT STABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_decrypt_token_wrapper';

CREATE  FUNCTION "vetassist_derive_user_key"(
	"master" bytea, /* & [u8] */
	"user_id" uuid /* pgrx :: Uuid */
) RETURNS bytea /* Outcome < Bytea > */
STRICT STABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_derive_user_key_wrapper';

CREATE  FUNCTION "vetassist_encrypt"(
	"plaintext" bytea, /* & [u8] */
	"key" bytea, /* & [u8] */
	"aad" bytea DEFAULT '' /* & [u8] */
) RETURNS bytea /* Outcome < Bytea > */
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_encrypt_wrapper';

CREATE  FUNCTION "vetassist_encrypt"(
	"plaintext" text, /* Utf8 < '_ > */
	"key" bytea, /* & [u8] */
	"aad" bytea DEFAULT '' /* & [u8] */
) RETURNS bytea /* Outcome < Bytea > */
STRICT VOLATILE PARALLEL SAFE 
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_encrypt_text_wrapper';

CREATE  FUNCTION "vetassist_encrypt_token"(
	"token" text, /* Utf8 < '_ > */
	"user_id" uuid /* pgrx :: Uuid */
) RETURNS bytea /* Outcome < Bytea > */
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_encrypt_token_wrapper';

CREATE  FUNCTION "vetassist_forbid_transaction_block"(
	"what" TEXT /* & str */
) RETURNS VOID /* Result < (), ErrorReport > */
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_forbid_transaction_block_wrapper';

CREATE  FUNCTION "vetassist_generate_key"() RETURNS bytea /* Outcome < Bytea > */
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_generate_key_wrapper';

CREATE FUNCTION vetassist_guard_drop() RETURNS event_trigger
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'vetassist_guard_drop_wrapper';

CREATE EVENT TRIGGER vetassist_guard_drop ON ddl_command_start
WHEN TAG IN ('DROP EXTENSION', 'DROP OWNED', 'DROP SCHEMA')
EXECUTE FUNCTION @extschema@.vetassist_guard_drop();

CREATE  FUNCTION "vetassist_hash_ip"(
	"ip" inet /* InetArg */
) RETURNS TEXT /* Outcome < String > */
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_hash_ip_wrapper';

CREATE  FUNCTION "vetassist_hash_ip_keyed"(
	"ip" inet /* InetArg */
) RETURNS TEXT /* Outcome < String > */
STRICT STABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_hash_ip_keyed_wrapper';

CREATE  FUNCTION "vetassist_hash_ip_text"(
	"address" TEXT /* & str */
) RETURNS TEXT /* Outcome < String > */
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_hash_ip_text_wrapper';

CREATE  FUNCTION "vetassist_hashes_are_keyed"() RETURNS bool /* bool */
STRICT STABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_hashes_are_keyed_wrapper';

CREATE  FUNCTION "vetassist_keys"() RETURNS TABLE (
	"position" INT,  /* i32 */
	"fingerprint" TEXT,  /* String */
	"is_current" bool,  /* bool */
	"source" TEXT  /* String */
)
STRICT STABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_keys_wrapper';

CREATE  FUNCTION "vetassist_names_address"(
	"name" TEXT /* & str */
) RETURNS bool /* bool */
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_names_address_wrapper';

CREATE  FUNCTION "vetassist_purge_audit_batch"(
	"cutoff" timestamp with time zone, /* TimestampWithTimeZone */
	"max_rows" INT /* i32 */
) RETURNS INT /* Result < i32, spi :: Error > */
STRICT VOLATILE PARALLEL UNSAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_purge_audit_batch_wrapper';

CREATE  FUNCTION "vetassist_reload_keys"() RETURNS INT /* Outcome < i32 > */
STRICT VOLATILE PARALLEL RESTRICTED
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_reload_keys_wrapper';

CREATE  FUNCTION "vetassist_reseal_token"(
	"sealed" bytea, /* & [u8] */
	"user_id" uuid /* pgrx :: Uuid */
) RETURNS bytea /* Outcome < Option < Bytea > > */
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_reseal_token_wrapper';

CREATE  FUNCTION "vetassist_session_active"(
	"jwt_id" text /* Option < TextDatum > */
) RETURNS bool /* Outcome < bool > */
STABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_session_active_wrapper';

CREATE  FUNCTION "vetassist_token_key"(
	"sealed" bytea, /* & [u8] */
	"user_id" uuid /* pgrx :: Uuid */
) RETURNS INT /* Outcome < i32 > */
STRICT STABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_token_key_wrapper';

CREATE  FUNCTION "vetassist_upgrade_audit_batch"(
	"after" bigint, /* i64 */
	"batch_size" INT /* i32 */
) RETURNS TABLE (
	"last" bigint,  /* Option < i64 > */
	"seen" INT,  /* Option < i32 > */
	"upgraded" INT  /* Option < i32 > */
)
STRICT VOLATILE PARALLEL UNSAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_upgrade_audit_batch_wrapper';

CREATE  FUNCTION "vetassist_upgrade_ip_hash"(
	"plain_hash" TEXT /* & str */
) RETURNS TEXT /* Outcome < String > */
STRICT STABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_upgrade_ip_hash_wrapper';

CREATE  FUNCTION "vetassist_version"() RETURNS TEXT /* & '_ str */
STRICT STABLE PARALLEL SAFE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'vetassist_version_wrapper';

CREATE FUNCTION "vetassist_audit_guard"()
	RETURNS TRIGGER
	LANGUAGE c
	AS 'MODULE_PATHNAME', 'vetassist_audit_guard_wrapper';

-- The audit trail is append-only: the guard refuses whatever is no INSERT. It is no row trigger, so it also
-- stops what would touch no row; it does not fire for INSERT and COPY, and so not while a dump is restored.
CREATE OR REPLACE TRIGGER vetassist_auth_audit_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON vetassist_auth_audit
    FOR EACH STATEMENT EXECUTE FUNCTION vetassist_audit_guard();

-- What writes to the audit trail, and what shortens it. The guard lets nobody else pass, the owner and
-- superusers included: only two functions of the library open it, for their own statement, the one below
-- vetassist_purge_audit() and the one that upgrades hashes.

-- Remembers that a hash is keyed.
CREATE FUNCTION vetassist_mark_keyed(hash text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Looked for first: an address that was seen before costs no lock.
    IF NOT EXISTS (SELECT FROM @extschema@.vetassist_keyed_ip_hashes AS k WHERE k.ip_hash = hash) THEN
        INSERT INTO @extschema@.vetassist_keyed_ip_hashes (ip_hash) VALUES (hash) ON CONFLICT DO NOTHING;
    END IF;
END
$$;

-- The hash of an address as it is to be stored.
CREATE FUNCTION vetassist_stored_ip_hash(ip inet) RETURNS text
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hash text;
BEGIN
    IF NOT @extschema@.vetassist_hashes_are_keyed() THEN
        RETURN @extschema@.vetassist_hash_ip(ip);
    END IF;
    hash := @extschema@.vetassist_hash_ip_keyed(ip);
    PERFORM @extschema@.vetassist_mark_keyed(hash);
    RETURN hash;
END
$$;

CREATE FUNCTION vetassist_log_event(
    event_type text,
    user_id uuid DEFAULT NULL,
    event_data jsonb DEFAULT NULL,
    ip inet DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    event_id bigint;
BEGIN
    IF event_type IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'event_type must not be NULL',
            HINT = 'Name what happened, such as login_failed.';
    ELSIF btrim(event_type) = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'event_type must not be blank',
            HINT = 'Name what happened, such as login_failed.';
    ELSIF length(event_type) > 50 THEN
        RAISE EXCEPTION USING ERRCODE = 'string_data_right_truncation',
            MESSAGE = 'event_type must not be longer than 50 characters', HINT = 'Details go into event_data.';
    END IF;
    PERFORM @extschema@.vetassist_check_event_data(event_data);
    IF user_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM @extschema@.vetassist_users AS u WHERE u.id = vetassist_log_event.user_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'foreign_key_violation', MESSAGE = 'there is no such user',
            HINT = 'Pass NULL for an event that belongs to no user.';
    END IF;
    INSERT INTO @extschema@.vetassist_auth_audit (user_id, event_type, event_data, ip_hash)
    VALUES (vetassist_log_event.user_id, vetassist_log_event.event_type, vetassist_log_event.event_data,
            @extschema@.vetassist_stored_ip_hash(ip))
    RETURNING id INTO event_id;
    RETURN event_id;
END
$$;

-- How the trail is ever shortened.
CREATE FUNCTION vetassist_purge_audit(older_than interval, max_rows integer DEFAULT 10000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cutoff CONSTANT timestamptz := statement_timestamp() - older_than;
BEGIN
    IF older_than IS NULL OR max_rows IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither argument may be NULL',
            HINT = 'Nothing was purged.';
    ELSIF cutoff >= statement_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'older_than must be positive',
            HINT = 'It is how long the trail is kept, such as 2 years.';
    ELSIF max_rows < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'max_rows must be at least 1',
            HINT = 'Call again until it returns 0.';
    END IF;
    RETURN @extschema@.vetassist_purge_audit_batch(cutoff, max_rows);
END
$$;

-- A device's description with each address in it, at any depth, replaced by its hash under the name
-- ip_hash, or its own name and _hash where that is taken. What is named like an address and is none
-- is refused: it would otherwise be stored as it is.
CREATE FUNCTION vetassist_hash_device_ips(node jsonb) RETURNS jsonb
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member record;
    hash text;
    result jsonb;
BEGIN
    IF jsonb_typeof(node) = 'array' THEN
        RETURN (SELECT coalesce(jsonb_agg(@extschema@.vetassist_hash_device_ips(e.value) ORDER BY e.place), '[]')
                FROM jsonb_array_elements(node) WITH ORDINALITY AS e (value, place));
    ELSIF jsonb_typeof(node) <> 'object' THEN
        RETURN node;
    END IF;
    result := '{}';
    FOR member IN SELECT m.key, m.value, @extschema@.vetassist_names_address(m.key) AS is_address
                  FROM jsonb_each(node) AS m ORDER BY 3, lower(m.key) <> 'ip', m.key LOOP
        IF NOT member.is_address THEN
            result := result || jsonb_build_object(member.key, @extschema@.vetassist_hash_device_ips(member.value));
            CONTINUE;
        END IF;
        IF jsonb_typeof(member.value) NOT IN ('string', 'null') THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('device_info.%s is not the address of one host', member.key),
                HINT = 'Pass one address as a string, or leave the member out.';
        END IF;
        -- NULL for null.
        hash := @extschema@.vetassist_hash_ip_text(member.value #>> '{}');
        IF hash IS NOT NULL AND @extschema@.vetassist_hashes_are_keyed() THEN
            hash := @extschema@.vetassist_upgrade_ip_hash(hash);
            PERFORM @extschema@.vetassist_mark_keyed(hash);
        END IF;
        result := result || jsonb_build_object(
            CASE WHEN lower(member.key) = 'ip' OR NOT result ? 'ip_hash' THEN 'ip_hash' ELSE member.key || '_hash' END,
            hash);
    END LOOP;
    RETURN result;
END
$$;

-- A sign-in, in one statement: the user, both tokens, the session, the audit row.
CREATE FUNCTION vetassist_login(
    va_icn text,
    access_token text,
    token_expires_at timestamptz,
    jwt_id text,
    session_expires_at timestamptz,
    refresh_token text DEFAULT NULL,
    veteran_status text DEFAULT NULL,
    email text DEFAULT NULL,
    first_name text DEFAULT NULL,
    last_name text DEFAULT NULL,
    token_type text DEFAULT NULL,
    scope text DEFAULT NULL,
    device_info jsonb DEFAULT NULL,
    ip inet DEFAULT NULL
) RETURNS TABLE (user_id uuid, session_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
#variable_conflict use_column
DECLARE
    wrong text;
    login_user uuid;
    login_session uuid;
    active boolean;
    created boolean;
BEGIN
    wrong := CASE
        WHEN vetassist_login.va_icn IS NULL THEN 'va_icn'
        WHEN vetassist_login.access_token IS NULL THEN 'access_token'
        WHEN vetassist_login.token_expires_at IS NULL THEN 'token_expires_at'
        WHEN vetassist_login.jwt_id IS NULL THEN 'jwt_id'
        WHEN vetassist_login.session_expires_at IS NULL THEN 'session_expires_at'
    END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = format('%s must not be NULL', wrong),
            HINT = 'The first five arguments are required.';
    END IF;
    wrong := CASE
        WHEN btrim(vetassist_login.va_icn) = '' THEN 'va_icn'
        WHEN vetassist_login.access_token = '' THEN 'access_token'
        WHEN btrim(vetassist_login.jwt_id) = '' THEN 'jwt_id'
    END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('%s must not be blank', wrong),
            HINT = 'Pass what VA.gov and the JWT carry.';
    END IF;
    wrong := CASE
        WHEN length(vetassist_login.va_icn) > 50 THEN 'va_icn'
        WHEN length(vetassist_login.jwt_id) > 64 THEN 'jwt_id'
        WHEN length(vetassist_login.veteran_status) > 20 THEN 'veteran_status'
        WHEN length(vetassist_login.email) > 255 THEN 'email'
        WHEN length(vetassist_login.first_name) > 100 THEN 'first_name'
        WHEN length(vetassist_login.last_name) > 100 THEN 'last_name'
        WHEN length(vetassist_login.token_type) > 20 THEN 'token_type'
        WHEN length(vetassist_login.scope) > 500 THEN 'scope'
    END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'string_data_right_truncation',
            MESSAGE = format('%s is longer than its column', wrong), HINT = 'The columns'' lengths are fixed.';
    END IF;

    -- Of two sign-ins of a new veteran at the same moment the second waits here for the first.
    INSERT INTO @extschema@.vetassist_users AS u
        (va_icn, va_veteran_status, email, first_name, last_name, last_login_at)
    VALUES (vetassist_login.va_icn, vetassist_login.veteran_status, vetassist_login.email,
            vetassist_login.first_name, vetassist_login.last_name, now())
    ON CONFLICT (va_icn) DO UPDATE SET
        va_veteran_status = coalesce(excluded.va_veteran_status, u.va_veteran_status),
        email = coalesce(excluded.email, u.email),
        first_name = coalesce(excluded.first_name, u.first_name),
        last_name = coalesce(excluded.last_name, u.last_name),
        updated_at = CASE
            WHEN (coalesce(excluded.va_veteran_status, u.va_veteran_status), coalesce(excluded.email, u.email),
                  coalesce(excluded.first_name, u.first_name), coalesce(excluded.last_name, u.last_name))
                 IS DISTINCT FROM (u.va_veteran_status, u.email, u.first_name, u.last_name)
            THEN now() ELSE u.updated_at END,
        last_login_at = now()
    RETURNING u.id, u.is_active, u.xmax = 0 INTO login_user, active, created;

    IF active IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'VA001', MESSAGE = 'the account is not active',
            DETAIL = format('user_id %s', login_user),
            HINT = 'The refusal was rolled back with everything else. After the rollback, log it: SELECT vetassist_log_event(''login_refused'', <user_id>, NULL, <ip>).';
    END IF;

    PERFORM @extschema@.vetassist_put_tokens(
        login_user, vetassist_login.access_token, vetassist_login.token_expires_at,
        vetassist_login.refresh_token, vetassist_login.token_type, vetassist_login.scope);

    INSERT INTO @extschema@.vetassist_sessions (user_id, jwt_id, device_info, expires_at)
    VALUES (login_user, vetassist_login.jwt_id,
            @extschema@.vetassist_hash_device_ips(vetassist_login.device_info),
            vetassist_login.session_expires_at)
    ON CONFLICT (jwt_id) DO NOTHING
    RETURNING id INTO login_session;
    IF login_session IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'unique_violation', MESSAGE = 'there is a session with this jwt_id already',
            HINT = 'Give every JWT a jti of its own.';
    END IF;

    INSERT INTO @extschema@.vetassist_auth_audit (user_id, event_type, event_data, ip_hash)
    VALUES (login_user, 'login',
            jsonb_build_object('session_id', login_session, 'new_user', created),
            @extschema@.vetassist_stored_ip_hash(vetassist_login.ip));

    user_id := login_user;
    session_id := login_session;
    RETURN NEXT;
END
$$;

-- Seals both tokens into the user's row. What is NULL, or an empty refresh token, leaves what is stored.
CREATE FUNCTION vetassist_put_tokens(
    owner_id uuid, access_token text, expiry timestamptz, refresh_token text, kind text, scopes text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO @extschema@.vetassist_va_tokens AS t
        (user_id, access_token_encrypted, refresh_token_encrypted, token_type, scope, expires_at)
    VALUES (owner_id,
            @extschema@.vetassist_encrypt_token(access_token, owner_id),
            @extschema@.vetassist_encrypt_token(nullif(refresh_token, ''), owner_id),
            coalesce(kind, 'Bearer'), scopes, expiry)
    ON CONFLICT (user_id) DO UPDATE SET
        access_token_encrypted = excluded.access_token_encrypted,
        refresh_token_encrypted = coalesce(excluded.refresh_token_encrypted, t.refresh_token_encrypted),
        token_type = coalesce(kind, t.token_type),
        scope = coalesce(scopes, t.scope),
        expires_at = excluded.expires_at,
        refreshed_at = now();
END
$$;

-- Raises what is wrong with a user that must be there and active. The row is kept from being erased until
-- the transaction ends.
CREATE FUNCTION vetassist_require_active_user(wanted uuid) RETURNS void
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

CREATE FUNCTION vetassist_store_tokens(
    user_id uuid,
    access_token text,
    expires_at timestamptz,
    refresh_token text DEFAULT NULL,
    token_type text DEFAULT NULL,
    scope text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    given_user CONSTANT uuid := vetassist_store_tokens.user_id;
    wrong text;
BEGIN
    wrong := CASE
        WHEN given_user IS NULL THEN 'user_id'
        WHEN vetassist_store_tokens.access_token IS NULL THEN 'access_token'
        WHEN vetassist_store_tokens.expires_at IS NULL THEN 'expires_at'
    END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = format('%s must not be NULL', wrong),
            HINT = 'The first three arguments are required.';
    ELSIF vetassist_store_tokens.access_token = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'access_token must not be blank',
            HINT = 'Pass what VA.gov answered.';
    END IF;
    wrong := CASE
        WHEN length(vetassist_store_tokens.token_type) > 20 THEN 'token_type'
        WHEN length(vetassist_store_tokens.scope) > 500 THEN 'scope'
    END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'string_data_right_truncation',
            MESSAGE = format('%s is longer than its column', wrong), HINT = 'The columns'' lengths are fixed.';
    END IF;
    PERFORM @extschema@.vetassist_require_active_user(given_user);
    PERFORM @extschema@.vetassist_put_tokens(
        given_user, vetassist_store_tokens.access_token, vetassist_store_tokens.expires_at,
        vetassist_store_tokens.refresh_token, vetassist_store_tokens.token_type, vetassist_store_tokens.scope);
END
$$;

CREATE FUNCTION vetassist_access_token(user_id uuid) RETURNS text
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT @extschema@.vetassist_decrypt_token(t.access_token_encrypted, t.user_id)
            FROM @extschema@.vetassist_va_tokens AS t
            WHERE t.user_id = vetassist_access_token.user_id);
END
$$;

CREATE FUNCTION vetassist_refresh_token(user_id uuid) RETURNS text
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT @extschema@.vetassist_decrypt_token(t.refresh_token_encrypted, t.user_id)
            FROM @extschema@.vetassist_va_tokens AS t
            WHERE t.user_id = vetassist_refresh_token.user_id);
END
$$;

-- Locks the rows it returns until the caller's transaction ends, and passes over those that others hold:
-- no two workers get the same.
CREATE FUNCTION vetassist_tokens_expiring(within interval DEFAULT '5 minutes', max_rows integer DEFAULT 100)
RETURNS TABLE (user_id uuid, expires_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF within IS NULL OR max_rows IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'neither argument may be NULL', HINT = 'Leave an argument out for its default.';
    ELSIF max_rows < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'max_rows must be at least 1',
            HINT = 'Leave it out for its default, 100.';
    END IF;
    RETURN QUERY
        SELECT t.user_id, t.expires_at
        FROM @extschema@.vetassist_va_tokens AS t
        JOIN @extschema@.vetassist_users AS u ON u.id = t.user_id
        WHERE t.expires_at <= statement_timestamp() + within
          AND t.refresh_token_encrypted IS NOT NULL
          AND u.is_active
        ORDER BY t.expires_at
        LIMIT max_rows
        -- The user too, so that an erasure waits here and not, crosswise, for the tokens.
        FOR KEY SHARE OF u SKIP LOCKED
        FOR UPDATE OF t SKIP LOCKED;
END
$$;

CREATE FUNCTION vetassist_list_sessions(user_id uuid)
RETURNS TABLE (
    session_id uuid, jwt_id text, device_info jsonb, created_at timestamptz, expires_at timestamptz,
    revoked_at timestamptz, is_active boolean)
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT s.id, s.jwt_id::text, s.device_info, s.created_at, s.expires_at, s.revoked_at,
               s.revoked_at IS NULL AND s.expires_at > statement_timestamp() AND u.is_active IS TRUE
        FROM @extschema@.vetassist_sessions AS s
        JOIN @extschema@.vetassist_users AS u ON u.id = s.user_id
        WHERE s.user_id = vetassist_list_sessions.user_id
        ORDER BY s.created_at DESC, s.id;
END
$$;

-- Not strict: a NULL would leave a session alive that somebody meant to end, and say nothing.
CREATE FUNCTION vetassist_revoke_session(jwt_id text, user_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jwt_id IS NULL OR user_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither argument may be NULL',
            HINT = 'Nothing was revoked.';
    END IF;
    UPDATE @extschema@.vetassist_sessions AS s
    SET revoked_at = statement_timestamp()
    WHERE s.jwt_id = vetassist_revoke_session.jwt_id
      AND s.user_id = vetassist_revoke_session.user_id
      AND s.revoked_at IS NULL;
    RETURN FOUND;
END
$$;

CREATE FUNCTION vetassist_revoke_all_sessions(user_id uuid, except_jwt_id text DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    revoked integer;
BEGIN
    IF user_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'user_id must not be NULL',
            HINT = 'Nothing was revoked.';
    END IF;
    UPDATE @extschema@.vetassist_sessions AS s
    SET revoked_at = statement_timestamp()
    WHERE s.user_id = vetassist_revoke_all_sessions.user_id
      AND s.revoked_at IS NULL
      AND s.jwt_id IS DISTINCT FROM except_jwt_id;
    GET DIAGNOSTICS revoked = ROW_COUNT;
    RETURN revoked;
END
$$;

-- Rows that a sign-in or a revocation holds are left for the next call, so nobody ever waits.
CREATE FUNCTION vetassist_purge_sessions(older_than interval DEFAULT '30 days', max_rows integer DEFAULT 10000)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cutoff CONSTANT timestamptz := statement_timestamp() - older_than;
    purged integer;
    more integer := 0;
BEGIN
    IF older_than IS NULL OR max_rows IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither argument may be NULL',
            HINT = 'Nothing was purged.';
    ELSIF cutoff > statement_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'older_than must not be negative',
            HINT = 'It is how long a session stays after it expired or was revoked.';
    ELSIF max_rows < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'max_rows must be at least 1',
            HINT = 'Call again until it returns 0.';
    END IF;
    -- What expired, by its index; then, if there is room, what was revoked, which has none.
    DELETE FROM @extschema@.vetassist_sessions AS s
    WHERE s.id = ANY (ARRAY(
        SELECT e.id FROM @extschema@.vetassist_sessions AS e
        WHERE e.revoked_at IS NULL AND e.expires_at < cutoff
        LIMIT max_rows FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS purged = ROW_COUNT;
    IF purged < max_rows THEN
        DELETE FROM @extschema@.vetassist_sessions AS s
        WHERE s.id = ANY (ARRAY(
            SELECT r.id FROM @extschema@.vetassist_sessions AS r
            WHERE r.revoked_at IS NOT NULL AND least(r.revoked_at, r.expires_at) < cutoff
            LIMIT max_rows - purged FOR UPDATE SKIP LOCKED));
        GET DIAGNOSTICS more = ROW_COUNT;
    END IF;
    RETURN purged + more;
END
$$;

-- A veteran asks to be forgotten. What remains is a row that says nothing about a person, for the audit
-- trail to point at.
CREATE FUNCTION vetassist_erase_user(user_id uuid) RETURNS boolean
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
    -- First of all, so that a sign-in at the same moment comes before or after.
    SELECT u.* INTO person FROM @extschema@.vetassist_users AS u
    WHERE u.id = vetassist_erase_user.user_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    left_over := EXISTS (SELECT FROM @extschema@.vetassist_va_tokens AS t WHERE t.user_id = person.id)
        OR EXISTS (SELECT FROM @extschema@.vetassist_sessions AS s WHERE s.user_id = person.id);
    IF num_nonnulls(person.va_icn, person.va_veteran_status, person.email, person.first_name, person.last_name) = 0
       AND person.is_active IS FALSE AND NOT left_over THEN
        RETURN false;
    END IF;
    DELETE FROM @extschema@.vetassist_va_tokens AS t WHERE t.user_id = person.id;
    DELETE FROM @extschema@.vetassist_sessions AS s WHERE s.user_id = person.id;
    UPDATE @extschema@.vetassist_users AS u
    SET va_icn = NULL, va_veteran_status = NULL, email = NULL, first_name = NULL, last_name = NULL,
        is_active = false, updated_at = now()
    WHERE u.id = person.id;
    INSERT INTO @extschema@.vetassist_auth_audit (user_id, event_type) VALUES (person.id, 'user_erased');
    RETURN true;
END
$$;

-- Turning keys: every token that the current key did not seal is sealed anew under it. No plaintext is
-- ever a SQL value here: vetassist_reseal_token() opens and seals in one go.

-- One batch. What became of each row: rotated, current (nothing to do), held (somebody else has it
-- locked) or unopened (no key of the ring opens a token of it, and it is left alone).
CREATE FUNCTION vetassist_rotate_rows(user_ids uuid[]) RETURNS TABLE (user_id uuid, outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH looked_at AS MATERIALIZED (
            SELECT t.user_id,
                   @extschema@.vetassist_token_key(t.access_token_encrypted, t.user_id) AS access_key,
                   @extschema@.vetassist_token_key(t.refresh_token_encrypted, t.user_id) AS refresh_key
            FROM @extschema@.vetassist_va_tokens AS t
            WHERE t.user_id = ANY (user_ids)
        ), judged AS MATERIALIZED (
            SELECT l.user_id,
                   CASE WHEN 0 IN (l.access_key, coalesce(l.refresh_key, 1)) THEN 'unopened'
                        WHEN l.access_key > 1 OR l.refresh_key > 1 THEN 'held'
                        ELSE 'current' END AS outcome
            FROM looked_at AS l
        ), locked AS MATERIALIZED (
            SELECT t.id, t.user_id, t.access_token_encrypted, t.refresh_token_encrypted
            FROM @extschema@.vetassist_va_tokens AS t
            JOIN judged AS j ON j.user_id = t.user_id AND j.outcome = 'held'
            FOR UPDATE OF t SKIP LOCKED
        ), rotated AS (
            -- A sign-in may have come between the look and the lock: what is current by now stays.
            UPDATE @extschema@.vetassist_va_tokens AS t
            SET access_token_encrypted = coalesce(
                    @extschema@.vetassist_reseal_token(l.access_token_encrypted, l.user_id), l.access_token_encrypted),
                refresh_token_encrypted = coalesce(
                    @extschema@.vetassist_reseal_token(l.refresh_token_encrypted, l.user_id), l.refresh_token_encrypted)
            FROM locked AS l
            WHERE t.id = l.id
            RETURNING t.user_id
        )
        SELECT j.user_id, CASE WHEN r.user_id IS NULL THEN j.outcome ELSE 'rotated' END
        FROM judged AS j
        LEFT JOIN rotated AS r ON r.user_id = j.user_id;
END
$$;

-- One step of vetassist_rotate_tokens(): a batch in the order of user ids; after the last, the rows that
-- others held, again and again for half a minute. Everything between two steps is in `state`, so the
-- procedure itself, whose search_path is its caller's, does nothing but commit.
CREATE FUNCTION vetassist_rotate_step(state jsonb, batch_size integer)
RETURNS TABLE (next_state jsonb, finished boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most_reports CONSTANT integer := 100;
    patience CONSTANT interval := '30 seconds';
    page uuid[];
    outcomes record;
    unopened_user uuid;
    elapsed double precision;
    rate double precision;
BEGIN
    IF state IS NULL THEN
        PERFORM @extschema@.vetassist_forbid_transaction_block('CALL vetassist_rotate_tokens()');
        IF batch_size IS NULL OR batch_size < 1 THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'batch_size must be at least 1',
                HINT = 'Leave it out for its default, 1000.';
        END IF;
        state := jsonb_build_object(
            'after', NULL, 'held', '[]'::jsonb, 'waiting_since', NULL, 'seen', 0, 'rotated', 0, 'unopened', 0,
            'started', clock_timestamp(), 'told', clock_timestamp(),
            'total', (SELECT count(*) FROM @extschema@.vetassist_va_tokens));
        -- Fails here, and not half-way, without a ring.
        PERFORM FROM @extschema@.vetassist_keys();
    END IF;

    IF state ->> 'waiting_since' IS NULL THEN
        SELECT array_agg(p.user_id ORDER BY p.user_id) INTO page
        FROM (SELECT t.user_id FROM @extschema@.vetassist_va_tokens AS t
              WHERE state ->> 'after' IS NULL OR t.user_id > (state ->> 'after')::uuid
              ORDER BY t.user_id LIMIT batch_size) AS p;
    ELSE
        PERFORM pg_sleep(0.1);
        SELECT array_agg(h.user_id::uuid) INTO page
        FROM (SELECT jsonb_array_elements_text(state -> 'held') AS user_id LIMIT batch_size) AS h;
    END IF;

    SELECT count(*) FILTER (WHERE r.outcome = 'rotated') AS rotated,
           count(*) FILTER (WHERE r.outcome = 'unopened') AS unopened,
           coalesce(array_agg(r.user_id ORDER BY r.user_id) FILTER (WHERE r.outcome = 'unopened'), '{}') AS unopened_users,
           coalesce(jsonb_agg(r.user_id) FILTER (WHERE r.outcome = 'held'), '[]') AS held
    INTO outcomes
    FROM @extschema@.vetassist_rotate_rows(page) AS r;

    FOREACH unopened_user IN ARRAY outcomes.unopened_users[1 : greatest(0, most_reports - (state ->> 'unopened')::integer)] LOOP
        RAISE WARNING USING MESSAGE = format('no key of the ring opens the tokens of user %s', unopened_user),
            HINT = 'The row was left alone. Put the key that sealed it back into the ring, or let the user sign in again.';
    END LOOP;

    state := state || jsonb_build_object(
        'rotated', (state ->> 'rotated')::bigint + outcomes.rotated,
        'unopened', (state ->> 'unopened')::bigint + outcomes.unopened);
    IF state ->> 'waiting_since' IS NULL THEN
        state := state || jsonb_build_object(
            'seen', (state ->> 'seen')::bigint + coalesce(cardinality(page), 0),
            'after', page[cardinality(page)],
            'held', state -> 'held' || outcomes.held);
        IF page IS NULL OR cardinality(page) < batch_size THEN
            state := state || jsonb_build_object('waiting_since', clock_timestamp());
        END IF;
    ELSE
        -- What is held still goes behind what was not tried this time.
        state := state || jsonb_build_object('held',
            (SELECT coalesce(jsonb_agg(h.user_id), '[]') FROM (
                SELECT e.user_id FROM jsonb_array_elements_text(state -> 'held') WITH ORDINALITY AS e (user_id, place)
                WHERE e.place > coalesce(cardinality(page), 0)) AS h) || outcomes.held);
    END IF;

    finished := state ->> 'waiting_since' IS NOT NULL
        AND (jsonb_array_length(state -> 'held') = 0
             OR clock_timestamp() > (state ->> 'waiting_since')::timestamptz + patience);

    IF finished OR clock_timestamp() > (state ->> 'told')::timestamptz + interval '1 second' THEN
        elapsed := extract(epoch FROM clock_timestamp() - (state ->> 'started')::timestamptz);
        rate := (state ->> 'seen')::bigint / greatest(elapsed, 0.001);
        RAISE NOTICE USING MESSAGE = format(
            '%s of %s rows done, %s of them sealed anew, %s rows/s, about %s s left',
            state ->> 'seen', greatest((state ->> 'total')::bigint, (state ->> 'seen')::bigint), state ->> 'rotated',
            round(rate::numeric),
            ceil(greatest(0, (state ->> 'total')::bigint - (state ->> 'seen')::bigint) / greatest(rate, 0.001)));
        state := state || jsonb_build_object('told', clock_timestamp());
    END IF;
    IF finished AND (state ->> 'unopened')::bigint > 0 THEN
        RAISE WARNING USING
            MESSAGE = format('%s rows were left alone because no key of the ring opens them', state ->> 'unopened'),
            HINT = 'vetassist_rotation_status() names them.';
    END IF;
    IF finished AND jsonb_array_length(state -> 'held') > 0 THEN
        RAISE WARNING USING
            MESSAGE = format('%s rows are still held by other transactions', jsonb_array_length(state -> 'held')),
            HINT = 'Call vetassist_rotate_tokens() again when they have ended.';
    END IF;
    next_state := state;
    RETURN NEXT;
END
$$;

-- It commits after each batch, so it can neither be a security definer nor pin its search_path. So it
-- names everything in full and uses no operator.
CREATE PROCEDURE vetassist_rotate_tokens(batch_size integer DEFAULT 1000)
LANGUAGE plpgsql
AS $$
DECLARE
    state pg_catalog.jsonb;
    finished pg_catalog.bool;
BEGIN
    LOOP
        SELECT s.next_state, s.finished INTO state, finished
        FROM @extschema@.vetassist_rotate_step(state, batch_size) AS s;
        COMMIT;
        EXIT WHEN finished;
    END LOOP;
END
$$;

CREATE FUNCTION vetassist_rotation_status() RETURNS TABLE (
    "position" integer, fingerprint text, is_current boolean, sealed_values bigint, user_ids uuid[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH sealed AS MATERIALIZED (
            SELECT t.user_id, @extschema@.vetassist_token_key(v.sealed, t.user_id) AS key
            FROM @extschema@.vetassist_va_tokens AS t
            CROSS JOIN LATERAL (VALUES (t.access_token_encrypted), (t.refresh_token_encrypted)) AS v (sealed)
            WHERE v.sealed IS NOT NULL
        ), counted AS (
            SELECT s.key, count(*) AS how_many FROM sealed AS s GROUP BY s.key
        )
        SELECT k."position", k.fingerprint, k.is_current, coalesce(c.how_many, 0), NULL::uuid[]
        FROM @extschema@.vetassist_keys() AS k
        LEFT JOIN counted AS c ON c.key = k."position"
        UNION ALL
        SELECT NULL, NULL, NULL, coalesce((SELECT c.how_many FROM counted AS c WHERE c.key = 0), 0),
               ARRAY(SELECT DISTINCT s.user_id FROM sealed AS s WHERE s.key = 0 ORDER BY s.user_id LIMIT 100)
        ORDER BY 1 NULLS LAST;
END
$$;

-- The hashes in a device's description: members whose name ends in ip_hash.
CREATE FUNCTION vetassist_device_ip_hashes(device_info jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(DISTINCT m.value #>> '{}'), '{}')
    FROM jsonb_path_query(device_info, 'strict $.**') AS node,
         jsonb_each(CASE jsonb_typeof(node) WHEN 'object' THEN node ELSE '{}' END) AS m
    WHERE m.key LIKE '%ip\_hash' AND jsonb_typeof(m.value) = 'string' AND m.value #>> '{}' ~ '^[0-9a-f]{64}$'
$$;

-- One step of vetassist_upgrade_ip_hashes(): a batch of the audit trail in the order of ids, then a batch
-- of sessions in the order of theirs. A hash is keyed if and only if vetassist_keyed_ip_hashes has it, and
-- it gets there in the transaction that stores it: so each is upgraded once, whatever is interrupted.
CREATE FUNCTION vetassist_upgrade_ip_step(state jsonb, batch_size integer)
RETURNS TABLE (next_state jsonb, finished boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch record;
    device record;
    upgraded_info jsonb;
    plain text;
    keyed text;
    seen integer := 0;
    upgraded integer := 0;
BEGIN
    finished := false;
    IF state IS NULL THEN
        PERFORM @extschema@.vetassist_forbid_transaction_block('CALL vetassist_upgrade_ip_hashes()');
        IF batch_size IS NULL OR batch_size < 1 THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'batch_size must be at least 1',
                HINT = 'Leave it out for its default, 10000.';
        END IF;
        IF NOT @extschema@.vetassist_hashes_are_keyed() THEN
            RAISE WARNING USING MESSAGE = 'vetassist.ip_hash is sha256: what is stored from now on is plain all the same',
                HINT = 'Set vetassist.ip_hash = keyed first, and call this again after it.';
        END IF;
        -- Fails here, and not half-way, without a ring.
        PERFORM FROM @extschema@.vetassist_keys();
        state := jsonb_build_object('audit', true, 'after', NULL, 'seen', 0, 'upgraded', 0,
            'started', clock_timestamp(), 'told', clock_timestamp(),
            'total', (SELECT count(*) FROM @extschema@.vetassist_auth_audit AS a WHERE a.ip_hash IS NOT NULL)
                   + (SELECT count(*) FROM @extschema@.vetassist_sessions AS s WHERE s.device_info IS NOT NULL));
    END IF;

    IF (state -> 'audit')::boolean THEN
        SELECT b.last, b.seen, b.upgraded INTO batch
        FROM @extschema@.vetassist_upgrade_audit_batch(coalesce((state ->> 'after')::bigint, 0), batch_size) AS b;
        seen := batch.seen;
        upgraded := batch.upgraded;
        state := state || jsonb_build_object('after', batch.last, 'audit', seen = batch_size);
        IF seen < batch_size THEN
            state := state || jsonb_build_object('after', NULL);
        END IF;
    ELSE
        FOR device IN
            SELECT s.id, s.device_info
            FROM @extschema@.vetassist_sessions AS s
            WHERE s.device_info IS NOT NULL AND (state ->> 'after' IS NULL OR s.id > (state ->> 'after')::uuid)
            ORDER BY s.id LIMIT batch_size
            FOR UPDATE
        LOOP
            seen := seen + 1;
            state := state || jsonb_build_object('after', device.id);
            upgraded_info := device.device_info;
            FOREACH plain IN ARRAY @extschema@.vetassist_device_ip_hashes(device.device_info) LOOP
                CONTINUE WHEN EXISTS (SELECT FROM @extschema@.vetassist_keyed_ip_hashes AS k WHERE k.ip_hash = plain);
                keyed := @extschema@.vetassist_upgrade_ip_hash(plain);
                PERFORM @extschema@.vetassist_mark_keyed(keyed);
                upgraded_info := replace(upgraded_info::text, '"' || plain || '"', '"' || keyed || '"')::jsonb;
                upgraded := upgraded + 1;
            END LOOP;
            IF upgraded_info IS DISTINCT FROM device.device_info THEN
                UPDATE @extschema@.vetassist_sessions AS s SET device_info = upgraded_info WHERE s.id = device.id;
            END IF;
        END LOOP;
        finished := seen < batch_size;
    END IF;

    state := state || jsonb_build_object(
        'seen', (state ->> 'seen')::bigint + seen, 'upgraded', (state ->> 'upgraded')::bigint + upgraded);
    IF finished OR clock_timestamp() > (state ->> 'told')::timestamptz + interval '1 second' THEN
        RAISE NOTICE USING MESSAGE = format('%s of %s rows done, %s hashes upgraded, %s rows/s',
            state ->> 'seen', greatest((state ->> 'total')::bigint, (state ->> 'seen')::bigint), state ->> 'upgraded',
            round(((state ->> 'seen')::bigint / greatest(
                extract(epoch FROM clock_timestamp() - (state ->> 'started')::timestamptz), 0.001))::numeric));
        state := state || jsonb_build_object('told', clock_timestamp());
    END IF;
    next_state := state;
    RETURN NEXT;
END
$$;

-- As vetassist_rotate_tokens(): it commits, so it names everything in full and uses no operator.
CREATE PROCEDURE vetassist_upgrade_ip_hashes(batch_size integer DEFAULT 10000)
LANGUAGE plpgsql
AS $$
DECLARE
    state pg_catalog.jsonb;
    finished pg_catalog.bool;
BEGIN
    LOOP
        SELECT s.next_state, s.finished INTO state, finished
        FROM @extschema@.vetassist_upgrade_ip_step(state, batch_size) AS s;
        COMMIT;
        EXIT WHEN finished;
    END LOOP;
END
$$;

-- What pg_dump would leave out without a word: it dumps the rows of the extension's tables, and the
-- installation makes the tables as they must be, so whatever else somebody changed about them is lost.
CREATE FUNCTION vetassist_check_dump() RETURNS TABLE (object text, problem text, found text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT c.object, c.problem, c.found FROM @extschema@.vetassist_check_schema() AS c
        WHERE c.problem <> 'missing';
END
$$;

-- Makes the tables ordinary ones, so that the extension can be dropped and its data stay. CREATE EXTENSION
-- adopts them again. Not a security definer: it takes the owner.
CREATE FUNCTION vetassist_detach() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member text;
BEGIN
    -- The guard calls a function of the extension's, so it goes with it. Until then nothing guards the trail.
    DROP TRIGGER vetassist_auth_audit_append_only ON @extschema@.vetassist_auth_audit;
    FOREACH member IN ARRAY ARRAY['vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions',
                                  'vetassist_auth_audit', 'vetassist_keyed_ip_hashes'] LOOP
        EXECUTE format('ALTER EXTENSION vetassist DROP TABLE @extschema@.%I', member);
    END LOOP;
    ALTER EXTENSION vetassist DROP SEQUENCE @extschema@.vetassist_auth_audit_id_seq;
END
$$;

-- Users as somebody may see them who is to know that they are there and no more. No view: a view would
-- hold the columns of the table fast.
CREATE FUNCTION vetassist_users_masked() RETURNS TABLE (
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
CREATE FUNCTION vetassist_tier_privileges() RETURNS TABLE (tier text, privilege text, object text)
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
        'vetassist_rotate_tokens', 'vetassist_rotate_step', 'vetassist_rotation_status',
        'vetassist_upgrade_ip_hashes', 'vetassist_upgrade_ip_step', 'vetassist_keys', 'vetassist_reload_keys',
        'vetassist_purge_sessions', 'vetassist_purge_audit', 'vetassist_check_schema', 'vetassist_check_dump']) AS f
$$;

-- Not a security definer: it grants what its caller may grant.
CREATE FUNCTION vetassist_grant(role regrole, tier text) RETURNS void
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
CREATE FUNCTION vetassist_revoke(role regrole) RETURNS void
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

-- Last of all: nobody but the owner may execute a function that uses the server's keys or touches the
-- tables. The few that stay open are named, so that one that is added later is closed unless somebody
-- opens it here.
DO $$
DECLARE
    caller_path CONSTANT text := pg_catalog.current_setting('search_path');
    routine pg_catalog.regprocedure;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    FOR routine IN
        SELECT p.oid
        FROM pg_extension e
        JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
        WHERE e.extname = 'vetassist'
          AND p.proname NOT IN (
              'vetassist_generate_key', 'vetassist_version', 'vetassist_hash_ip',
              'vetassist_encrypt', 'vetassist_decrypt', 'vetassist_decrypt_text',
              'vetassist_derive_user_key')
    LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', routine);
    END LOOP;
    PERFORM set_config('search_path', caller_path, true);
END
$$;
