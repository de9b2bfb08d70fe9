-- Used by the procedures that commit after each batch.

-- Refuses to go on inside a transaction block, where a procedure cannot commit.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_forbid_transaction_block(what text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'vetassist_forbid_transaction_block_wrapper';
