-- Ending every session, in a database without the extension.
--
-- provides: functions/sign_everybody_out.sql
-- requires: functions/sign_out_batch.sql functions/events.sql

-- The procedure commits after each batch, so it cannot set a search_path: every name and operator has its schema.
CREATE OR REPLACE PROCEDURE @extschema@.vetassist_sign_everybody_out(batch_size integer DEFAULT 10000)
LANGUAGE plpgsql
AS $$
DECLARE
    ended integer;
    total bigint := 0;
BEGIN
    IF batch_size IS NULL OR batch_size OPERATOR(pg_catalog.<) 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'batch_size must be at least 1',
            HINT = 'Leave it out for its default, 10000.';
    END IF;
    LOOP
        COMMIT;
        ended := @extschema@.vetassist_sign_out_step(batch_size::pg_catalog.int4);
        EXIT WHEN ended OPERATOR(pg_catalog.=) 0;
        total := total OPERATOR(pg_catalog.+) ended;
    END LOOP;
    PERFORM @extschema@.vetassist_note_sign_out(total::pg_catalog.int8);
END
$$;

-- Ends a batch of sessions, for roles with the tier admin.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_sign_out_step(batch_size integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN @extschema@.vetassist_sign_out_batch(batch_size::integer);
END
$$;

-- Writes an event with the number of ended sessions.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_note_sign_out(ended bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@.vetassist_write_event('everybody_signed_out'::text, NULL::uuid,
                                              jsonb_build_object('count', ended)::jsonb, NULL::text);
END
$$;
