-- Where a procedure in PL/pgSQL can commit.

-- Refuses to go on where a procedure cannot commit. `said` is what PostgreSQL told the procedure when it tried, while it
-- handled exceptions: that is never allowed, but where a commit would be, PostgreSQL says something else. Which of the two
-- it was shows the message that a function gets, which can never commit. It may be in any language.
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
