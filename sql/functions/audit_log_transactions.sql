-- Finding out whether a procedure in PL/pgSQL can commit.

-- Refuses to continue if the calling procedure cannot commit. The procedure tries a COMMIT inside an exception handler,
-- which always fails, and passes the error message as "said". The message depends on whether a COMMIT outside the handler
-- would be allowed. A function can never commit, so this function gets the message of the forbidden case, and compares.
-- It compares messages because they may be in any language.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_refuse_transaction_block(call text, said text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    BEGIN
        COMMIT;
    EXCEPTION WHEN invalid_transaction_termination THEN
        IF said = SQLERRM THEN
            RAISE EXCEPTION USING ERRCODE = 'active_sql_transaction',
                MESSAGE = format('%s cannot run inside a transaction block or a function', call),
                HINT = 'It commits after each batch. Call it on its own, with autocommit.';
        END IF;
    END;
END
$$;
