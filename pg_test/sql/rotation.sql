-- Key rotation. A command prints the ring here, so that a superuser can change it within a session.
\set SHOW_CONTEXT never
CREATE EXTENSION vetassist;
SET vetassist.master_key_file = '';
SET vetassist.master_key_command = 'printf %064d 1';
SELECT count(*) FROM generate_series(1, 25) AS n,
    vetassist_login('ICN' || n, 'access ' || n, now(), 'jti ' || n, now(), refresh_token => CASE WHEN n % 2 = 0 THEN 'refresh ' || n END);
SELECT "position", is_current, sealed_values, user_ids FROM vetassist_rotation_status();

-- With a new first key all tokens still open, and the status shows how many remain to be resealed.
SET vetassist.master_key_command = 'printf "%064d\n%064d" 2 1';
SELECT "position", is_current, sealed_values, user_ids FROM vetassist_rotation_status();
SELECT count(*) FROM vetassist_users u WHERE vetassist_access_token(id) = replace(va_icn, 'ICN', 'access ');
SELECT count(*) FROM vetassist_login('ICN1', 'access 1', now(), 'jti again', now());
SELECT "position", sealed_values FROM vetassist_rotation_status();
CREATE TEMPORARY TABLE before AS SELECT user_id, access_token_encrypted, refreshed_at FROM vetassist_va_tokens;
\set QUIET on
SET client_min_messages = warning;
CALL vetassist_rotate_tokens(7);
SELECT "position", sealed_values FROM vetassist_rotation_status();
SELECT count(*) FILTER (WHERE t.access_token_encrypted = b.access_token_encrypted) AS untouched,
       count(*) FILTER (WHERE t.refreshed_at IS DISTINCT FROM b.refreshed_at) AS refreshed
FROM vetassist_va_tokens t JOIN before b USING (user_id);

-- The old key can be removed.
SET vetassist.master_key_command = 'printf %064d 2';
SELECT "position", sealed_values FROM vetassist_rotation_status();
SELECT count(*) FROM vetassist_users u WHERE vetassist_access_token(id) = replace(va_icn, 'ICN', 'access ');
SELECT count(*) FROM vetassist_users u WHERE vetassist_refresh_token(id) = replace(va_icn, 'ICN', 'refresh ');

-- If nothing is to be done, nothing is written.
CREATE TEMPORARY TABLE rotated AS SELECT user_id, xmin::text AS version FROM vetassist_va_tokens;
CALL vetassist_rotate_tokens();
SELECT count(*) FROM vetassist_va_tokens t JOIN rotated r USING (user_id) WHERE t.xmin::text <> r.version;

-- A row that no key opens is reported and left unchanged; the others are resealed.
INSERT INTO vetassist_users (id, va_icn) VALUES ('1bb044aa-ded1-40c7-8a88-433e74903f95', 'lost'), ('274f6580-3ca4-4d6d-b08c-f59e40a55563', 'half');
INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, expires_at) VALUES
    ('1bb044aa-ded1-40c7-8a88-433e74903f95', '\x00', NULL, now()),
    ('274f6580-3ca4-4d6d-b08c-f59e40a55563', vetassist_encrypt_token('x', '274f6580-3ca4-4d6d-b08c-f59e40a55563'), decode(repeat('00', 50), 'hex'), now());
SET vetassist.master_key_command = 'printf "%064d\n%064d" 3 2';
CALL vetassist_rotate_tokens();
SELECT "position", sealed_values, user_ids FROM vetassist_rotation_status();
SELECT vetassist_access_token('274f6580-3ca4-4d6d-b08c-f59e40a55563');

-- The procedure cannot run in a transaction block, or with invalid arguments.
BEGIN;
CALL vetassist_rotate_tokens();
ROLLBACK;
CALL vetassist_rotate_tokens(0);
CALL vetassist_rotate_tokens(NULL);
SET vetassist.master_key_command = 'exit 1';
CALL vetassist_rotate_tokens();
SELECT * FROM vetassist_rotation_status();
