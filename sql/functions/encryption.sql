-- Primitives: they seal and open with a key that the caller passes. Any role may call them.

CREATE OR REPLACE FUNCTION @extschema@.vetassist_encrypt(plaintext bytea, key bytea, aad bytea DEFAULT '') RETURNS bytea
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_encrypt_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_encrypt(plaintext text, key bytea, aad bytea DEFAULT '') RETURNS bytea
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_encrypt_text_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_decrypt(sealed bytea, key bytea, aad bytea DEFAULT '') RETURNS bytea
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_decrypt_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_decrypt_text(sealed bytea, key bytea, aad bytea DEFAULT '') RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_decrypt_text_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_generate_key() RETURNS bytea
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_generate_key_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_derive_user_key(master bytea, user_id uuid) RETURNS bytea
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_derive_user_key_wrapper';
