-- What a database of 0.2.0 has already, and what must go before the rest can be made anew.
--
-- provides: extension/adoption.sql tables/users.sql tables/va_tokens.sql tables/sessions.sql tables/auth_audit.sql
-- provides: tables/keyed_ip_hashes.sql extension/dump.sql

-- An event trigger cannot be replaced.
DROP EVENT TRIGGER vetassist_guard_drop;

-- Rotation is a procedure of the library's.
DROP FUNCTION @extschema@.vetassist_rotate_step(jsonb, integer);
DROP FUNCTION @extschema@.vetassist_rotate_rows(uuid[]);
DROP FUNCTION @extschema@.vetassist_reseal_token(bytea, uuid);
