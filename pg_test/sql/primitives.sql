-- Functions that take the key as an argument.
\set key '''\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'''
CREATE EXTENSION vetassist;

-- Sealed values are 28 bytes longer than the plaintext, and differ each time.
SELECT n, octet_length(vetassist_encrypt(repeat('x', n), :key)) - n AS overhead
FROM unnest(ARRAY[0, 1, 16, 1000, 100000]) AS n;
SELECT vetassist_encrypt('x', :key) = vetassist_encrypt('x', :key) AS repeats;
SELECT count(DISTINCT substr(vetassist_encrypt('x', :key), 1, 12)) AS nonces FROM generate_series(1, 10000);

-- Sealed text opens as text, and sealed bytes as bytes.
SELECT vetassist_decrypt_text(vetassist_encrypt('a token', :key), :key);
SELECT vetassist_decrypt(vetassist_encrypt('\xff00'::bytea, :key), :key);
SELECT vetassist_decrypt(vetassist_encrypt('', :key), :key);
SELECT vetassist_decrypt_text(vetassist_encrypt('a token', :key, 'context'), :key, 'context');

-- A value sealed by Python's cryptography opens.
SELECT vetassist_decrypt('\x32f9bffd2feb255ff18394e7d7d70ade816edfe60d2d0ae8a4f812b9',
                         '\xc9e656913187dda5ae694a5b11d7c46d7e20b83c693a96802b97ae6672bf461c');

-- An altered value does not open.
SELECT vetassist_decrypt(vetassist_encrypt('a token', :key, 'context'), :key, 'other');
SELECT vetassist_decrypt(vetassist_encrypt('a token', :key) || '\x00', :key);
SELECT vetassist_decrypt('\x00', :key);
SELECT vetassist_decrypt_text(vetassist_encrypt('\xff'::bytea, :key), :key);
SELECT vetassist_decrypt_text(vetassist_encrypt('\x610062'::bytea, :key), :key);

-- A key must have 32 bytes.
SELECT vetassist_encrypt('x', '');
SELECT vetassist_decrypt('x', '\x00');
SELECT octet_length(vetassist_generate_key()), vetassist_generate_key() = vetassist_generate_key() AS repeats;
SELECT vetassist_derive_user_key(:key, '1bb044aa-ded1-40c7-8a88-433e74903f95');
SELECT vetassist_derive_user_key(:key, '1BB044AADED140C78A88433E74903F95');
SELECT vetassist_derive_user_key('\x00', gen_random_uuid());

-- Values that TOAST has compressed, stored out of line or left inline.
CREATE TABLE toasted (storage text, value bytea);
ALTER TABLE toasted ALTER value SET STORAGE EXTENDED;
INSERT INTO toasted SELECT 'extended', decode(repeat('00', 100000), 'hex');
ALTER TABLE toasted ALTER value SET STORAGE EXTERNAL;
INSERT INTO toasted SELECT 'external', decode(repeat('00', 100000), 'hex');
ALTER TABLE toasted ALTER value SET STORAGE PLAIN;
INSERT INTO toasted SELECT 'short', '\x00';
SELECT storage, vetassist_decrypt(vetassist_encrypt(value, :key), :key) = value AS same FROM toasted;
SELECT storage, vetassist_decrypt(vetassist_encrypt(value, :key, value), :key, value) = value AS same FROM toasted;
