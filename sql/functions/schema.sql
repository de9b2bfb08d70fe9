-- Comparing the tables of the database with the schema that they must have.

CREATE OR REPLACE FUNCTION @extschema@.vetassist_check_schema() RETURNS TABLE (object text, problem text, expected text, found text)
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'vetassist_check_schema_wrapper';

-- Returns changes that pg_dump leaves out without a warning. pg_dump dumps the rows of the extension's tables and the
-- rights on them. The installation makes the tables themselves again, so other changes of them are lost.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_check_dump() RETURNS TABLE (object text, problem text, found text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT c.object, c.problem, c.found FROM @extschema@.vetassist_check_schema() AS c
        WHERE c.problem NOT IN ('missing', 'owner') AND c.problem NOT LIKE 'rights of %'
          AND c.object !~ '^(role|schema|function|event trigger) ';
END
$$;
