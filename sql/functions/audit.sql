-- Writes to the audit trail, and shortens it.
--
-- requires: tables/auth_audit.sql functions/log_event.sql functions/event_data.sql functions/ip_hash.sql

-- Deletes a batch of what is older than the cutoff, oldest first, unless it is to be kept, and writes down that it did.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_purge_audit_batch(cutoff timestamptz, max_rows integer) RETURNS integer
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_purge_audit_batch_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_log_event(
    event_type text,
    user_id uuid DEFAULT NULL,
    event_data jsonb DEFAULT NULL,
    ip inet DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN @extschema@.vetassist_add_event(
        event_type::text, user_id::uuid, @extschema@.vetassist_checked_event_data(event_data::jsonb)::jsonb,
        @extschema@.vetassist_stored_ip_hash(ip::inet)::text);
END
$$;

-- How the trail is ever shortened, by no more than vetassist.audit_min_retention allows. What was purged is an event.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_purge_audit(older_than interval, max_rows integer DEFAULT 10000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- In UTC, as the caller's time zone is the caller's to choose.
    cutoff CONSTANT timestamptz := (statement_timestamp() AT TIME ZONE 'UTC' - older_than) AT TIME ZONE 'UTC';
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
    RETURN @extschema@.vetassist_purge_audit_batch(cutoff::timestamptz, max_rows::integer);
END
$$;
