-- Bytes of the audit log: fields, commitments, entries, nodes.
--
-- requires: tables/audit_leaves.sql

-- Each is one expression, which the planner puts in the place of the call. So none of them has a SET clause: a body
-- in SQL-standard form names objects, whatever the search_path.

CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_field(value bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(E'\\x01'::bytea || int4send(octet_length(value)) || value, E'\\x00'::bytea);

-- Microseconds since 1970. By way of 2000, from which PostgreSQL counts: extract() from the timestamptz itself rounds the
-- last microseconds that there are to a second. As numeric: a bigint does not hold them from 1970 on.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_time(at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN at = 'infinity' THEN 'infinity' WHEN at = '-infinity' THEN '-infinity'
            ELSE (trunc(extract(epoch FROM at - timestamptz '2000-01-01 00:00:00+00') * 1000000) + 946684800000000)::text END;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_commit(salt bytea, value text) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(E'\\x7665746173736973742076616c756520763100'::bytea || salt
              || coalesce(E'\\x01'::bytea || int4send(octet_length(value)) || convert_to(value, 'UTF8'), E'\\x00'::bytea));

-- The data of a row's leaf. `created_at` is what vetassist_audit_time() says.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_row(
    id bigint, user_id uuid, event_type text, created_at text, event_commitment bytea, ip_commitment bytea
) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN E'\\x76657461737369737420726f7720763100'::bytea
    || E'\\x01'::bytea || int4send(length(id::text)) || convert_to(id::text, 'UTF8')
    || coalesce(E'\\x0100000024'::bytea || convert_to(user_id::text, 'UTF8'), E'\\x00'::bytea)
    || E'\\x01'::bytea || int4send(octet_length(event_type)) || convert_to(event_type, 'UTF8')
    || coalesce(E'\\x01'::bytea || int4send(length(created_at)) || convert_to(created_at, 'UTF8'), E'\\x00'::bytea)
    || E'\\x0100000020'::bytea || event_commitment
    || E'\\x0100000020'::bytea || ip_commitment;

-- Two salts: 32 bytes out of 366 random bits.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_salts() RETURNS bytea
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- Of a level of a tree, hashes side by side, the level above. Their number is even.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_level_above(level bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT string_agg(sha256(E'\\x01'::bytea || substr(level, at, 64)), '' ORDER BY at)
        FROM generate_series(1, octet_length(level), 64) AS at);

-- The rows that an erasure (e) or a purge (u) is about: its second field. Nothing where it can't be read; such an
-- entry is told of by its hash.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_rows_of(data bytea, kind text) RETURNS int8multirange
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at integer := CASE kind WHEN 'e' THEN 22 ELSE 20 END;
    field_length integer;
BEGIN
    -- Over the prefix, and the first field.
    field_length := ('x' || encode(substr(data, at + 1, 4), 'hex'))::bit(32)::integer;
    at := at + 5 + field_length;
    field_length := ('x' || encode(substr(data, at + 1, 4), 'hex'))::bit(32)::integer;
    RETURN convert_from(substr(data, at + 5, field_length), 'UTF8')::int8multirange;
EXCEPTION WHEN data_exception THEN
    RETURN '{}';
END
$$;
