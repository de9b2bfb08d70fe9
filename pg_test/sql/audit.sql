-- The audit trail and the erasure of a user.
\set SHOW_CONTEXT never
CREATE EXTENSION vetassist;
\set user '''1bb044aa-ded1-40c7-8a88-433e74903f95'''
INSERT INTO vetassist_users (id, va_icn, va_veteran_status, email, first_name, last_name)
VALUES (:user, '1012667145V762142', 'confirmed', 'tamara@example.com', 'Tamara', 'Ellis');

SELECT vetassist_log_event('login_failed', NULL, '{"reason": "state mismatch", "attempts": 3, "tokens_left": 2}', '203.0.113.7');
SELECT vetassist_log_event('login_failed', :user);
SELECT id, user_id, event_type, event_data, ip_hash FROM vetassist_auth_audit ORDER BY id;
SELECT vetassist_log_event(NULL);
SELECT vetassist_log_event(' ');
SELECT vetassist_log_event(repeat('x', 51));
SELECT vetassist_log_event('x', gen_random_uuid());
SELECT vetassist_log_event('x', NULL, NULL, '203.0.113.0/24');

-- Data that looks like a secret is refused, and the error does not quote it.
SELECT vetassist_log_event('x', NULL, '{"access_token": "a"}');
SELECT vetassist_log_event('x', NULL, '{"deep": [1, {"newPassword": "a"}]}');
SELECT vetassist_log_event('x', NULL, '{"ssn": 123456789}');
SELECT vetassist_log_event('x', NULL, '{"note": "Authorization: Bearer 2YotnFZFEjr1zCsicMWpAA"}');
SELECT vetassist_log_event('x', NULL, jsonb_build_object('note', 'got ' || concat_ws('.', 'eyJhbGciOiJSUzI1NiJ9', 'e30', 'c2ln')));
SELECT vetassist_log_event('x', NULL, jsonb_build_array('123-45-6789'));
SELECT vetassist_log_event('x', NULL, '{"Bearer abcdefgh": true}');
SELECT vetassist_log_event('x', NULL, '"bearer abc"');
SELECT count(*) FROM vetassist_auth_audit;

-- The table is append-only, also for statements that affect no row.
UPDATE vetassist_auth_audit SET event_type = 'y';
UPDATE vetassist_auth_audit SET event_type = 'y' WHERE false;
DELETE FROM vetassist_auth_audit;
TRUNCATE vetassist_auth_audit;
TRUNCATE vetassist_users CASCADE;
INSERT INTO vetassist_auth_audit (id, event_type) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET event_type = 'y';
DELETE FROM vetassist_users;

-- Only vetassist_purge_audit removes rows from it.
INSERT INTO vetassist_auth_audit (event_type, created_at) SELECT 'old', now() - interval '3 years' FROM generate_series(1, 3);
CALL vetassist_seal_audit();
SELECT vetassist_purge_audit('2 years', 2), vetassist_purge_audit('2 years'), vetassist_purge_audit('2 years');
SELECT event_type, event_data ->> 'by' = session_user AS by_caller, event_data -> 'count' AS count,
       (event_data ->> 'cutoff')::timestamptz BETWEEN now() - interval '732 days' AND now() - interval '729 days' AS cutoff
FROM vetassist_auth_audit WHERE event_type = 'audit_purged' ORDER BY id;
SELECT vetassist_purge_audit('364 days');
SELECT vetassist_purge_audit('0 days');
SELECT vetassist_purge_audit('-1 day');
SELECT vetassist_purge_audit(NULL);
SELECT vetassist_purge_audit('1 day', 0);
DELETE FROM vetassist_auth_audit;
SELECT count(*) FROM vetassist_auth_audit;

-- A user is erased.
SELECT vetassist_store_tokens(:user, 'access', now(), 'refresh');
INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at) VALUES (:user, 'jti', now() + interval '1 day');
SELECT vetassist_erase_user(:user);
SELECT id, va_icn, va_veteran_status, email, first_name, last_name, is_active FROM vetassist_users;
SELECT (SELECT count(*) FROM vetassist_va_tokens) AS tokens, (SELECT count(*) FROM vetassist_sessions) AS sessions;
SELECT user_id, event_type, event_data - 'cutoff' AS event_data, ip_hash FROM vetassist_auth_audit ORDER BY id;
SELECT vetassist_erase_user(:user);
SELECT vetassist_erase_user('00000000-0000-0000-0000-000000000000');
SELECT vetassist_erase_user(NULL);
SELECT user_id <> :user AS is_new FROM vetassist_login('1012667145V762142', 'access', now(), 'jti 2', now());
SELECT count(*) FROM vetassist_users;
