-- Rotating keys: reseals every token that the current key did not seal.
--
-- requires: tables/va_tokens.sql tables/auth_audit.sql functions/keyring.sql functions/reseal.sql

CREATE OR REPLACE FUNCTION @extschema@.vetassist_token_key(sealed bytea, user_id uuid) RETURNS integer
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_token_key_wrapper';

-- Returns a token sealed under the current key: the same bytes if the current key sealed them, NULL if no key opens them. It
-- opens and seals in one call, so that no plaintext is ever a SQL value.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_reseal_token(sealed bytea, user_id uuid) RETURNS bytea
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_rotate_token_wrapper';

-- It commits after each batch, which a security definer cannot do: see crates/vetassist-pg/src/functions/batches.rs.
CREATE OR REPLACE PROCEDURE @extschema@.vetassist_rotate_tokens(batch_size integer DEFAULT 1000)
LANGUAGE c
AS 'MODULE_PATHNAME', 'vetassist_rotate_tokens_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_rotation_status() RETURNS TABLE (
    "position" integer, fingerprint text, is_current boolean, sealed_values bigint, user_ids uuid[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH sealed AS MATERIALIZED (
            SELECT t.user_id, @extschema@.vetassist_token_key(v.sealed::bytea, t.user_id::uuid) AS key
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
