-- Intervals that a caller passes.

-- Returns an interval. Refuses one that is so long that a time could be out of range. name is the name of the argument.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_checked_interval(span interval, name text) RETURNS interval
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF span NOT BETWEEN interval '-1000 years' AND interval '1000 years' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('%s is longer than 1000 years', name),
            HINT = 'Pass a shorter interval.';
    END IF;
    RETURN span;
END
$$;

-- Returns the time that an exchange may take. A lease of a process that was killed is not given again before it ends, so it
-- cannot last longer than a day.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_checked_lease(lease interval) RETURNS interval
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF lease <= interval '0' OR lease > interval '1 day' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'lease must be positive, and at most 1 day',
            HINT = 'It is the time that the exchange with VA.gov may take.';
    END IF;
    -- An interval such as 1 month and -29 days is negative in February.
    RETURN justify_interval(lease);
END
$$;
