-- Checks of values that a client has sealed or hashed, and of its metadata.
--
-- requires: tables/keyed_ip_hashes.sql

-- Returns a sealed value, and refuses bytes that cannot be a sealed value. name is the name of the argument.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_checked_sealed(sealed bytea, name text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF length(sealed) < 28 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('%s is shorter than 28 bytes', name),
            HINT = 'Pass the whole sealed value: nonce (12 bytes), ciphertext, tag (16 bytes).';
    ELSIF length(sealed) > 1048576 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('%s is longer than 1 MB', name),
            HINT = 'Pass a sealed token.';
    ELSIF encode(sealed, 'hex') ~ '^([2-6][0-9a-f]|7[0-9a-e])*$' THEN
        -- Of the shortest sealed values, one in 10^12 looks like this.
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('%s is printable text, not a sealed value', name),
            HINT = 'Seal the token for the user before you pass it. Nothing was stored.';
    END IF;
    RETURN sealed;
END
$$;

-- Returns a digest of a user's sealed tokens, which shows whether the tokens have changed. It covers only the nonce and the
-- tag of each token: no two sealed values share them, and the rest need not be read.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_tokens_digest(access_token bytea, refresh_token bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT pg_catalog.encode(pg_catalog.sha256(
        pg_catalog.substr(access_token, 1, 12)
        OPERATOR(pg_catalog.||) pg_catalog.substr(access_token, pg_catalog.length(access_token) OPERATOR(pg_catalog.-) 15)
        OPERATOR(pg_catalog.||) coalesce(
            pg_catalog.substr(refresh_token, 1, 12)
            OPERATOR(pg_catalog.||) pg_catalog.substr(refresh_token, pg_catalog.length(refresh_token) OPERATOR(pg_catalog.-) 15),
            ''::pg_catalog.bytea)), 'hex')
$$;

-- Refuses a value that holds an address as text, or that is longer or deeper than vetassist allows. name is the name of the
-- argument. The value of a member does not count as an address if the member's name says that it is a version.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_refuse_addresses(node jsonb, name text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    digits CONSTANT text := '(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])';
    candidate text;
    is_address boolean := false;
BEGIN
    IF octet_length(node::text) > 65536 THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = format('%s is longer than 64 kB', name),
            HINT = 'Pass short metadata only. Nothing was written.';
    ELSIF jsonb_path_exists(node, 'strict $.**{65 to last}') THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = format('%s is nested more than 64 levels deep', name),
            HINT = 'Pass short metadata only. Nothing was written.';
    END IF;
    FOR candidate IN
        WITH RECURSIVE part (key, value) AS (
            SELECT NULL::text, node
            UNION ALL
            SELECT m.key, m.value
            FROM part AS p
            CROSS JOIN LATERAL (
                SELECT o.key, o.value
                FROM jsonb_each(CASE jsonb_typeof(p.value) WHEN 'object' THEN p.value ELSE '{}' END) AS o
                UNION ALL
                SELECT o.key, to_jsonb(o.key)
                FROM jsonb_object_keys(CASE jsonb_typeof(p.value) WHEN 'object' THEN p.value ELSE '{}' END) AS o (key)
                UNION ALL
                SELECT p.key, a.value
                FROM jsonb_array_elements(CASE jsonb_typeof(p.value) WHEN 'array' THEN p.value ELSE '[]' END) AS a (value)
            ) AS m (key, value)
        )
        SELECT btrim(c.candidate, E' \t\r\n[]"')
        FROM part AS p
        CROSS JOIN LATERAL (SELECT p.value #>> '{}' AS content) AS v
        CROSS JOIN LATERAL unnest(CASE
            -- A Forwarded header (RFC 7239).
            WHEN v.content ~* '^[a-z0-9 -]+=[^,;]*([,;][a-z0-9 -]+=[^,;]*)*$' AND v.content ~* '(^|[,; ])(for|by) *='
                THEN ARRAY(SELECT m.found[1] FROM regexp_matches(v.content, '(?:^|[,; ])(?:for|by) *= *"?[[]?([0-9a-f:.]+)', 'gi') AS m (found))
            -- Words between commas, or addresses and placeholders between blanks, as in X-Forwarded-For. The name of a member
            -- is no list of words.
            WHEN p.key IS DISTINCT FROM v.content AND v.content ~ '^[^[:space:],;|]+([[:space:]]*[,;|][[:space:]]*[^[:space:],;|]+)+$'
              OR v.content ~* '^(([0-9a-f:.]*[.:][0-9a-f:.]*|unknown|hidden|none|null|-|_[^[:space:],;|]*)([[:space:],;|]+|$))+$'
                THEN regexp_split_to_array(v.content, '[[:space:],;|]+')
            ELSE ARRAY[v.content]
        END) AS c (candidate)
        WHERE jsonb_typeof(p.value) = 'string' AND length(v.content) BETWEEN 2 AND 1000
          AND v.content ~ '[.:]' AND coalesce(p.key, '') !~* '(version|build|zip|platform)'
    LOOP
        IF candidate ~ ('^(' || digits || '[.]){3}' || digits || '(:[0-9]+|/[0-9]+)?$') AND candidate !~ '[.]0[.]0[.]0$' THEN
            is_address := true;
        ELSIF candidate ~ '^[0-9A-Fa-f:.]+(/[0-9]+|%[[:alnum:]]+)?$' AND candidate ~ ':.*:' THEN
            BEGIN
                is_address := family(regexp_replace(candidate, '[/%].*$', '')::inet) = 6;
            EXCEPTION WHEN invalid_text_representation THEN
                NULL;
            END;
        END IF;
        EXIT WHEN is_address;
    END LOOP;
    IF is_address THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('%s holds an address', name),
            HINT = 'Replace addresses by their hashes before you pass it: the clients of vetassist do. Nothing was written.';
    END IF;
END
$$;

-- Registers the keyed hashes of addresses: the hash of the request's address, and those in the description of the device.
-- Refuses an ip_hash that is not a hash. The hashes are sorted, so that two sign-ins insert them in the same order. They are
-- looked for first, so that a known address takes no lock.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_register_ip_hashes(ip_hash text, is_keyed boolean, device_info jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF ip_hash !~ '^[0-9a-f]{64}$' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'ip_hash is not the hash of an address',
            HINT = 'Pass the 64 lower-case hexadecimal digits that hashIpKeyed or hashIp returns.';
    ELSIF is_keyed IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'ip_hash_is_keyed must not be NULL',
            HINT = 'Leave it out if the hash is keyed.';
    ELSIF is_keyed AND num_nonnulls(ip_hash, device_info) > 0 THEN
        INSERT INTO @extschema@.vetassist_keyed_ip_hashes (ip_hash)
        SELECT h.hash
        FROM (
            SELECT vetassist_register_ip_hashes.ip_hash AS hash
            UNION
            -- If other text has 64 hexadecimal digits, it is registered too, which does no harm.
            SELECT m.found[1] FROM regexp_matches(device_info::text, '[0-9a-f]{64}', 'g') AS m (found)
        ) AS h
        WHERE h.hash IS NOT NULL
          AND NOT EXISTS (SELECT FROM @extschema@.vetassist_keyed_ip_hashes AS k WHERE k.ip_hash = h.hash)
        ORDER BY h.hash COLLATE "C"
        ON CONFLICT DO NOTHING;
    END IF;
END
$$;
