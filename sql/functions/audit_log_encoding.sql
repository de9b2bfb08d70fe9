-- Bytes of the audit log: fields, commitments, entries, nodes.
--
-- requires: tables/audit_leaves.sql

-- Most of these functions are one expression, which the planner inlines. A SET clause would prevent that. It is not needed
-- either: a body in SQL-standard form is bound to objects, no matter what the search_path is.

CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_field(value bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(E'\\x01'::bytea || int4send(octet_length(value)) || value, E'\\x00'::bytea);

-- Returns microseconds since 1970. It counts from 2000 first, as PostgreSQL does, because extract() from the timestamptz
-- itself rounds the last possible microseconds to a second. It uses numeric, because a bigint is too small for them when
-- they are counted from 1970.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_time(at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN at = 'infinity' THEN 'infinity' WHEN at = '-infinity' THEN '-infinity'
            ELSE (trunc(extract(epoch FROM at - timestamptz '2000-01-01 00:00:00+00') * 1000000) + 946684800000000)::text END;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_commit(salt bytea, value text) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(E'\\x7665746173736973742076616c756520763100'::bytea || salt
              || coalesce(E'\\x01'::bytea || int4send(octet_length(value)) || convert_to(value, 'UTF8'), E'\\x00'::bytea));

-- Returns the data of a row's leaf. The caller passes created_at as vetassist_audit_time() returns it.
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

-- Returns two salts of 16 bytes each, made of 366 random bits.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_salts() RETURNS bytea
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- Returns the level of a tree above the given one. A level is a string of hashes; the given one has an even number of them.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_level_above(level bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT string_agg(sha256(E'\\x01'::bytea || substr(level, at, 64)), '' ORDER BY at)
        FROM generate_series(1, octet_length(level), 64) AS at);

-- Returns the entries of rows that an erasure (e) or a purge (u) lists in its second field. Returns an empty multirange if
-- the data cannot be read; vetassist_verify_audit() finds such an entry by its hash.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_rows_of(data bytea, kind text) RETURNS int8multirange
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at integer := CASE kind WHEN 'e' THEN 22 ELSE 20 END;
    field_length integer;
BEGIN
    -- This skips the prefix and the first field.
    field_length := ('x' || encode(substr(data, at + 1, 4), 'hex'))::bit(32)::integer;
    at := at + 5 + field_length;
    field_length := ('x' || encode(substr(data, at + 1, 4), 'hex'))::bit(32)::integer;
    RETURN convert_from(substr(data, at + 5, field_length), 'UTF8')::int8multirange;
EXCEPTION WHEN data_exception THEN
    RETURN '{}';
END
$$;
