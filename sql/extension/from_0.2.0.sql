-- What a database of 0.2.0 has already, and what must go before the rest can be made anew.
--
-- provides: extension/adoption.sql tables/users.sql tables/va_tokens.sql tables/sessions.sql tables/auth_audit.sql
-- provides: tables/keyed_ip_hashes.sql extension/dump.sql

-- An event trigger cannot be replaced.
DROP EVENT TRIGGER vetassist_guard_drop;

-- What nothing calls any more.
DROP FUNCTION @extschema@.vetassist_names_address(text), @extschema@.vetassist_hash_ip_text(text);
