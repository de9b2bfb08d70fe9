--- Install the extension, and compare the tables with their description (no row: no difference)
CREATE EXTENSION vetassist;
SELECT * FROM vetassist_check_schema();
--? SELECT count(*) FROM vetassist_check_schema() => 0

--- The response of VA.gov when a veteran signs in
--: {
--:   "access_token": ":access",
--:   "refresh_token": ":refresh",
--:   "token_type": "Bearer",
--:   "scope": ":scope",
--:   "expires_in": 3600
--: }

--- Store a veteran and both tokens; the INSERT seals them
INSERT INTO vetassist_users (va_icn, email, first_name, last_name)
VALUES ('1012667145V762142', 'tamara.ellis@example.com', 'Tamara', 'Ellis');
INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, scope, expires_at)
SELECT id, vetassist_encrypt_token(':access', id), vetassist_encrypt_token(':refresh', id),
       ':scope', now() + interval '1 hour'
FROM vetassist_users WHERE va_icn = '1012667145V762142';

--- The row in a stolen disk or backup
SELECT octet_length(access_token_encrypted) AS bytes, left(encode(access_token_encrypted, 'hex'), 64) || '...' AS access_token_encrypted
FROM vetassist_va_tokens;
--? SELECT count(*) FROM vetassist_va_tokens WHERE position(left(':access', 24)::bytea IN access_token_encrypted) + position(':refresh'::bytea IN refresh_token_encrypted) > 0 => 0

--- The same row as the application opens it
SELECT left(vetassist_decrypt_token(access_token_encrypted, user_id), 60) || '...' AS access_token,
       vetassist_decrypt_token(refresh_token_encrypted, user_id) AS refresh_token
FROM vetassist_va_tokens;
--? SELECT vetassist_decrypt_token(access_token_encrypted, user_id) FROM vetassist_va_tokens => :access

--- The same bytes do not open for another user
--! SELECT vetassist_decrypt_token(access_token_encrypted, gen_random_uuid()) FROM vetassist_va_tokens;

--- ... nor after one flipped bit
--! SELECT vetassist_decrypt_token(set_bit(access_token_encrypted, 777, 1 - get_bit(access_token_encrypted, 777)), user_id) FROM vetassist_va_tokens;

--- Addresses are stored as hashes: plain, and under the server's key
SELECT ip, vetassist_hash_ip(ip), vetassist_hash_ip_keyed(ip)
FROM (VALUES (inet '203.0.113.7'), ('2001:db8::1')) AS seen (ip);
--? SELECT vetassist_hash_ip('203.0.113.7') => fec52565aa0cf18f57d7cf5b3ac728503b8992d2d6f7d46da1d1201090902b02

--- The key ring, by fingerprint: no function and no setting shows a key
SELECT * FROM vetassist_keys();
--? SELECT count(*) FROM vetassist_keys() WHERE is_current AND source = 'file' => 1

--- A sign-in as a backend does it: user, tokens, session and audit row in one statement
SELECT * FROM vetassist_login('1012667145V762142', ':access', now() + interval '1 hour',
    'a1d0c6e8-jti', now() + interval '8 hours', refresh_token => ':refresh',
    device_info => '{"os": "iOS", "ip": "203.0.113.7"}', ip => '203.0.113.7');
SELECT jwt_id, device_info FROM vetassist_sessions;
SELECT event_type, event_data, left(ip_hash, 16) || '...' AS ip_hash FROM vetassist_auth_audit;
--? SELECT vetassist_session_active('a1d0c6e8-jti') => t
--? SELECT count(*) FROM vetassist_sessions WHERE device_info::text LIKE '%203.0.113.7%' => 0

--- An hour later a worker takes a lease, commits, and asks VA.gov; meanwhile other callers get the state wait
UPDATE vetassist_va_tokens SET expires_at = now();
SELECT lease_id, left(refresh_token, 12) || '...' AS refresh_token FROM vetassist_claim_refreshes();
SELECT state, access_token FROM vetassist_use_token(vetassist_find_user('1012667145V762142'));
--? SELECT state FROM vetassist_use_token(vetassist_find_user('1012667145V762142')) => wait

--- The worker stores the new tokens; it would store nothing if other tokens had been stored meanwhile
SELECT vetassist_finish_refresh(lease_id, 'a new access token', now() + interval '1 hour', 'a new refresh token')
FROM vetassist_refresh_leases;
SELECT state, access_token, expires_at FROM vetassist_use_token(vetassist_find_user('1012667145V762142'));
--? SELECT state || ' ' || access_token FROM vetassist_use_token(vetassist_find_user('1012667145V762142')) => ready a new access token

--- The next refresh fails: the next try is due after 5 seconds, then after 10, and so on up to 15 minutes
UPDATE vetassist_va_tokens SET expires_at = now();
SELECT lease_id FROM vetassist_claim_refreshes();
SELECT * FROM vetassist_fail_refresh((SELECT lease_id FROM vetassist_refresh_leases WHERE expires_at > now() AND stored_digest IS NULL), 'server_error');
--? SELECT count(*) FROM vetassist_claim_refreshes() => 0

--- The second try fails for good (invalid_grant): the veteran must sign in again, and no worker tries any more
SELECT pg_sleep(6.1);
SELECT lease_id FROM vetassist_claim_refreshes();
SELECT * FROM vetassist_fail_refresh((SELECT lease_id FROM vetassist_refresh_leases WHERE expires_at > now() AND stored_digest IS NULL), 'invalid_grant', is_final => true);
SELECT state, attempts, last_error FROM vetassist_token_status(vetassist_find_user('1012667145V762142'));
--? SELECT state FROM vetassist_use_token(vetassist_find_user('1012667145V762142')) => reconnect

--- The veteran disconnects: the function deletes both tokens and returns them, so that the service can revoke them
SELECT * FROM vetassist_disconnect(vetassist_find_user('1012667145V762142'));
--? SELECT state FROM vetassist_use_token(vetassist_find_user('1012667145V762142')) => none

--- The audit row of each step
SELECT event_type, event_data FROM vetassist_auth_audit ORDER BY id;
--? SELECT string_agg(event_type, ' ' ORDER BY id) FROM vetassist_auth_audit => login token_refreshed token_refresh_failed token_refresh_failed tokens_disconnected

--- Rotate the key: sign in 20,000 more veterans, then add a new key behind the current one
SELECT count(*) FROM generate_series(1, 20000) AS n,
    vetassist_login('ICN' || n, 'access token ' || n, now() + interval '1 hour',
                    'jti ' || n, now() + interval '8 hours', refresh_token => 'refresh token ' || n);
--@ behind
SELECT pg_reload_conf();
SELECT * FROM vetassist_rotation_status();

--- Every server has the new key, so make it the current one, and seal all tokens under it
--@ in front
SELECT pg_reload_conf();
CALL vetassist_rotate_tokens();
SELECT * FROM vetassist_rotation_status();
--? SELECT sum(sealed_values) FROM vetassist_rotation_status() WHERE "position" IS DISTINCT FROM 1 => 0
--? SELECT count(*) FROM vetassist_users WHERE vetassist_access_token(id) = replace(va_icn, 'ICN', 'access token ') => 20000

--- Seal the audit trail: it shows a row that a superuser changes while the trigger is disabled
CALL vetassist_seal_audit();
--? SELECT count(*) FROM vetassist_verify_audit(vetassist_audit_checkpoint()) => 0
ALTER TABLE vetassist_auth_audit DISABLE TRIGGER vetassist_auth_audit_append_only, DISABLE TRIGGER vetassist_auth_audit_append_only_rows;
UPDATE vetassist_auth_audit SET event_type = 'logout' WHERE id = (SELECT min(id) FROM vetassist_auth_audit);
ALTER TABLE vetassist_auth_audit ENABLE ALWAYS TRIGGER vetassist_auth_audit_append_only, ENABLE ALWAYS TRIGGER vetassist_auth_audit_append_only_rows;
SELECT * FROM vetassist_verify_audit();
--? SELECT string_agg(problem, ' ') FROM vetassist_verify_audit() => changed
