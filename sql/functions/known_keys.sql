-- The keys that sealed stored tokens, by their fingerprints.
--
-- requires: tables/key_fingerprints.sql tables/va_tokens.sql functions/events.sql

-- Returns each fingerprint once.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_known_keys() RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT DISTINCT k.fingerprint::text FROM @extschema@.vetassist_key_fingerprints AS k ORDER BY 1;
END
$$;

-- Notes that a key sealed a token. Two transactions that note the same key at the same time do not wait for each other, so
-- a fingerprint may have two rows.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_note_key(fingerprint text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF fingerprint IS NULL OR fingerprint !~ '^[0-9a-f]{16}$' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'fingerprint must be 16 lower-case hexadecimal digits',
            HINT = 'Pass the fingerprint of the key, as the client library returns it.';
    ELSIF NOT EXISTS (SELECT FROM @extschema@.vetassist_key_fingerprints AS k
                      WHERE k.fingerprint = vetassist_note_key.fingerprint) THEN
        INSERT INTO @extschema@.vetassist_key_fingerprints (fingerprint) VALUES (vetassist_note_key.fingerprint);
    END IF;
END
$$;
