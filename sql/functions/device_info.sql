-- Device descriptions of sessions.
--
-- requires: functions/ip_hash.sql

CREATE OR REPLACE FUNCTION @extschema@.vetassist_names_address(name text) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_names_address_wrapper';

-- A device's description with each address in it, at any depth, replaced by its hash under the name
-- ip_hash, or its own name and _hash where that is taken. What is named like an address and is none
-- is refused: it would otherwise be stored as it is.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_hash_device_ips(node jsonb) RETURNS jsonb
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member record;
    hash text;
    result jsonb;
BEGIN
    IF jsonb_typeof(node) = 'array' THEN
        RETURN (SELECT coalesce(jsonb_agg(@extschema@.vetassist_hash_device_ips(e.value::jsonb) ORDER BY e.place), '[]')
                FROM jsonb_array_elements(node) WITH ORDINALITY AS e (value, place));
    ELSIF jsonb_typeof(node) <> 'object' THEN
        RETURN node;
    END IF;
    result := '{}';
    FOR member IN SELECT m.key, m.value, @extschema@.vetassist_names_address(m.key::text) AS is_address
                  FROM jsonb_each(node) AS m ORDER BY 3, lower(m.key) <> 'ip', m.key LOOP
        IF NOT member.is_address THEN
            result := result || jsonb_build_object(member.key, @extschema@.vetassist_hash_device_ips(member.value::jsonb));
            CONTINUE;
        END IF;
        IF jsonb_typeof(member.value) NOT IN ('string', 'null') THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('device_info.%s is not the address of one host', member.key),
                HINT = 'Pass one address as a string, or leave the member out.';
        END IF;
        -- NULL for null.
        hash := @extschema@.vetassist_hash_ip_text((member.value #>> '{}')::text);
        IF hash IS NOT NULL AND @extschema@.vetassist_hashes_are_keyed() THEN
            hash := @extschema@.vetassist_upgrade_ip_hash(hash::text);
            PERFORM @extschema@.vetassist_mark_keyed(hash::text);
        END IF;
        result := result || jsonb_build_object(
            CASE WHEN lower(member.key) = 'ip' OR NOT result ? 'ip_hash' THEN 'ip_hash' ELSE member.key || '_hash' END,
            hash);
    END LOOP;
    RETURN result;
END
$$;
