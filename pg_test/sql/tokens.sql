-- Tokens under the server's key ring, which here holds one key of 32 bytes 0x11.
CREATE EXTENSION vetassist;
\set user '''1bb044aa-ded1-40c7-8a88-433e74903f95'''
\set other '''274f6580-3ca4-4d6d-b08c-f59e40a55563'''

SELECT vetassist_decrypt_token(vetassist_encrypt_token('a token', :user), :user);
SELECT vetassist_decrypt_token(vetassist_encrypt_token('', :user), :user) = '' AS empty;
SELECT octet_length(vetassist_encrypt_token(repeat('x', 1200), :user));
SELECT vetassist_decrypt_token(vetassist_encrypt_token('a token', :user), :other);
SELECT vetassist_decrypt_token('\x', :user);

-- Sealed bytes that are not UTF-8 text are not a token. The user's key opens them as bytes.
WITH key AS (SELECT vetassist_derive_user_key(decode(repeat('11', 32), 'hex'), :user) AS k)
SELECT vetassist_decrypt(vetassist_encrypt_token('a token', :user), k) FROM key;
WITH key AS (SELECT vetassist_derive_user_key(decode(repeat('11', 32), 'hex'), :user) AS k)
SELECT vetassist_decrypt_token(vetassist_encrypt('\xff'::bytea, k), :user) FROM key;

-- Tokens of many users, once with the user changing at every row and once grouped by user.
CREATE TABLE t AS
SELECT n, u, vetassist_encrypt_token('token ' || n, u) AS sealed
FROM (SELECT n, gen_random_uuid() AS u FROM generate_series(1, 500) AS n) AS users;
SELECT count(*) FROM t WHERE vetassist_decrypt_token(sealed, u) = 'token ' || n;
SELECT count(*) FROM generate_series(1, 500), LATERAL (SELECT * FROM t LIMIT 1) AS one
WHERE vetassist_decrypt_token(sealed, u) = 'token ' || n;

SELECT * FROM vetassist_keys();
SELECT vetassist_reload_keys();
