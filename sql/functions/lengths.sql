-- Lengths of texts.

-- Refuses texts that have more characters than their columns hold, by the name of the argument: the error of PostgreSQL
-- names neither the argument nor the column.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_check_lengths(
    veteran_status text, email text, first_name text, last_name text, token_type text, scope text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    too_long CONSTANT text := CASE
        WHEN length(veteran_status) > 20 THEN 'veteran_status'
        WHEN length(email) > 255 THEN 'email'
        WHEN length(first_name) > 100 THEN 'first_name'
        WHEN length(last_name) > 100 THEN 'last_name'
        WHEN length(token_type) > 20 THEN 'token_type'
        WHEN length(scope) > 500 THEN 'scope' END;
BEGIN
    IF too_long IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'string_data_right_truncation', MESSAGE = format('%s is longer than its column', too_long),
            HINT = 'Pass a shorter value: the lengths of the columns are fixed.';
    END IF;
END
$$;
