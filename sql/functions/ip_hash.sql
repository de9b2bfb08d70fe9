-- Hashes of addresses, plain and keyed, and the upgrade of plain ones.
--
-- requires: tables/keyed_ip_hashes.sql functions/keyring.sql functions/batches.sql

CREATE OR REPLACE FUNCTION @extschema@.vetassist_hash_ip(ip inet) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_hash_ip_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_hash_ip_keyed(ip inet) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_hash_ip_keyed_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_upgrade_ip_hash(plain_hash text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_upgrade_ip_hash_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_hashes_are_keyed() RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_hashes_are_keyed_wrapper';

-- Remembers that a hash is keyed.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_mark_keyed(hash text) RETURNS void
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
CREATE OR REPLACE FUNCTION @extschema@.vetassist_stored_ip_hash(ip inet) RETURNS text
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hash text;
BEGIN
    IF NOT @extschema@.vetassist_hashes_are_keyed() THEN
        RETURN @extschema@.vetassist_hash_ip(ip::inet);
    END IF;
    hash := @extschema@.vetassist_hash_ip_keyed(ip::inet);
    PERFORM @extschema@.vetassist_mark_keyed(hash::text);
    RETURN hash;
END
$$;


-- Upgrades a batch of the audit trail's plain hashes.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_upgrade_audit_batch(after bigint, batch_size integer) RETURNS TABLE (last bigint, seen integer, upgraded integer)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_upgrade_audit_batch_wrapper';

-- The hashes in a device's description: members whose name ends in ip_hash.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_device_ip_hashes(device_info jsonb) RETURNS text[]
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
CREATE OR REPLACE FUNCTION @extschema@.vetassist_upgrade_ip_step(state jsonb, batch_size integer)
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
        PERFORM @extschema@.vetassist_forbid_transaction_block('CALL vetassist_upgrade_ip_hashes()'::text);
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
        FROM @extschema@.vetassist_upgrade_audit_batch(
            coalesce((state ->> 'after')::bigint, 0)::bigint, batch_size::integer) AS b;
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
            FOREACH plain IN ARRAY @extschema@.vetassist_device_ip_hashes(device.device_info::jsonb) LOOP
                CONTINUE WHEN EXISTS (SELECT FROM @extschema@.vetassist_keyed_ip_hashes AS k WHERE k.ip_hash = plain);
                keyed := @extschema@.vetassist_upgrade_ip_hash(plain::text);
                PERFORM @extschema@.vetassist_mark_keyed(keyed::text);
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
CREATE OR REPLACE PROCEDURE @extschema@.vetassist_upgrade_ip_hashes(batch_size integer DEFAULT 10000)
LANGUAGE plpgsql
AS $$
DECLARE
    state pg_catalog.jsonb;
    finished pg_catalog.bool;
BEGIN
    LOOP
        SELECT s.next_state, s.finished INTO state, finished
        FROM @extschema@.vetassist_upgrade_ip_step(state::pg_catalog.jsonb, batch_size::pg_catalog.int4) AS s;
        COMMIT;
        EXIT WHEN finished;
    END LOOP;
END
$$;
