-- Signing in.
\set SHOW_CONTEXT never
CREATE EXTENSION vetassist;

SELECT count(*) FROM vetassist_login('ICN1', 'access 1', now() + interval '1 hour', 'jti 1', now() + interval '1 day',
    refresh_token => 'refresh 1', veteran_status => 'confirmed', email => 'tamara@example.com', first_name => 'Tamara',
    last_name => 'Ellis', scope => 'openid', device_info => '{"os": "iOS", "ip": "203.0.113.7"}', ip => '203.0.113.7');
SELECT va_icn, va_veteran_status, email, first_name, last_name, is_active, last_login_at IS NOT NULL AS logged_in FROM vetassist_users;
SELECT vetassist_access_token(user_id), vetassist_refresh_token(user_id), token_type, scope, expires_at > now() AS ahead, refreshed_at FROM vetassist_va_tokens;
SELECT jwt_id, device_info, expires_at > now() AS ahead, revoked_at FROM vetassist_sessions;
SELECT event_type, event_data - 'session_id' AS event_data, ip_hash FROM vetassist_auth_audit;
SELECT count(*) FROM vetassist_auth_audit a JOIN vetassist_sessions s ON s.id = (a.event_data ->> 'session_id')::uuid AND s.user_id = a.user_id;

-- Signing in again updates the given values. Values that are NULL are kept, and so is a refresh token that is not given.
SELECT count(*) FROM vetassist_login('ICN1', 'access 2', now() + interval '2 hours', 'jti 2', now() + interval '1 day', last_name => 'Ellis-Ray');
SELECT va_icn, va_veteran_status, email, first_name, last_name FROM vetassist_users;
SELECT vetassist_access_token(user_id), vetassist_refresh_token(user_id), token_type, scope, refreshed_at IS NOT NULL AS refreshed FROM vetassist_va_tokens;
SELECT jwt_id, device_info FROM vetassist_sessions ORDER BY jwt_id;
SELECT event_data ->> 'new_user' AS new_user, ip_hash FROM vetassist_auth_audit ORDER BY id;
SELECT count(*) FROM vetassist_login('ICN1', 'access 3', now(), 'jti 3', now(), refresh_token => '', token_type => 'DPoP', scope => 'claim.read');
SELECT vetassist_refresh_token(user_id), token_type, scope FROM vetassist_va_tokens;

-- A failed sign-in changes nothing.
SELECT vetassist_login('ICN2', 'access', now(), 'jti 1', now());
SELECT count(*) FROM vetassist_users;
SELECT vetassist_login('ICN2', 'access', now(), 'jti 4', now(), ip => '203.0.113.0/24');
SELECT count(*) FROM vetassist_users;

-- A value that is named like an address but is not one is left out, and the sign-in succeeds.
SELECT count(*) FROM vetassist_login('ICN4', 'access', now(), 'jti a', now(), device_info => '{"ip": "unknown", "os": "iOS"}');
SELECT count(*) FROM vetassist_login('ICN4', 'access', now(), 'jti b', now(), device_info => '{"a": [{"ip": 7}]}');
SELECT jwt_id, device_info FROM vetassist_sessions WHERE jwt_id IN ('jti a', 'jti b') ORDER BY jwt_id;

-- Required arguments.
SELECT vetassist_login(NULL, 'access', now(), 'jti 4', now());
SELECT vetassist_login('ICN2', NULL, now(), 'jti 4', now());
SELECT vetassist_login('ICN2', 'access', NULL, 'jti 4', now());
SELECT vetassist_login('ICN2', 'access', now(), NULL, now());
SELECT vetassist_login('ICN2', 'access', now(), 'jti 4', NULL);
SELECT vetassist_login(' ', 'access', now(), 'jti 4', now());
SELECT vetassist_login('ICN2', '', now(), 'jti 4', now());
SELECT vetassist_login('ICN2', 'access', now(), '', now());
SELECT vetassist_login(repeat('x', 51), 'access', now(), 'jti 4', now());
SELECT vetassist_login('ICN2', 'access', now(), repeat('x', 65), now());
SELECT vetassist_login('ICN2', 'access', now(), 'jti 4', now(), email => repeat('x', 256));

-- Addresses are stored only as hashes, wherever they are in the device information.
SELECT count(*) FROM vetassist_login('ICN3', 'access', now(), 'jti 5', now(), device_info =>
    '{"IP": "::ffff:203.0.113.7", "client_ip": "2001:db8::1", "seen": [{"ip_address": "2001:db8::1"}, 1.50], "zip": "1.2.3.4", "none": {"ip": null}}');
SELECT jsonb_pretty(device_info) FROM vetassist_sessions WHERE jwt_id = 'jti 5';

-- An inactive account is refused with a SQLSTATE of its own, and nothing is stored.
UPDATE vetassist_users SET is_active = false WHERE va_icn = 'ICN3';
\set VERBOSITY sqlstate
SELECT vetassist_login('ICN3', 'access', now(), 'jti 6', now());
\set VERBOSITY default
SELECT count(*) FROM vetassist_sessions WHERE jwt_id = 'jti 6';
UPDATE vetassist_users SET is_active = NULL WHERE va_icn = 'ICN3';
\set VERBOSITY sqlstate
SELECT vetassist_login('ICN3', 'access', now(), 'jti 6', now());
