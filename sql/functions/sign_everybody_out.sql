-- Ending every session, such as after a leak of the key that signs JWTs.
--
-- requires: functions/sign_out_batch.sql

-- It commits after each batch, which a security definer cannot do: see crates/vetassist-pg/src/functions/batches.rs.
CREATE OR REPLACE PROCEDURE @extschema@.vetassist_sign_everybody_out(batch_size integer DEFAULT 10000)
LANGUAGE c
AS 'MODULE_PATHNAME', 'vetassist_sign_everybody_out_wrapper';
