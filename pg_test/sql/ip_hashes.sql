-- Plain and keyed hashes of addresses, stored and upgraded.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION vetassist;
INSERT INTO vetassist_users (id, va_icn) VALUES ('1bb044aa-ded1-40c7-8a88-433e74903f95', 'ICN1');
SELECT count(vetassist_log_event('seen', NULL, NULL, ip)) FROM unnest(ARRAY['203.0.113.7', '203.0.113.7', '2001:db8::1', NULL]::inet[]) AS ip;
SELECT count(*) FROM vetassist_login('ICN1', 'access', now(), 'jti 1', now(), device_info => '{"ip": "203.0.113.7", "os": "x", "a": [{"ip": "2001:db8::1"}]}');
INSERT INTO vetassist_auth_audit (event_type, ip_hash) VALUES ('odd', 'no hash');
CREATE VIEW kinds AS
SELECT CASE a.ip_hash WHEN vetassist_hash_ip(i) THEN 'plain' WHEN vetassist_hash_ip_keyed(i) THEN 'keyed' END AS kind, i AS ip, count(*)
FROM vetassist_auth_audit a, unnest(ARRAY['203.0.113.7', '2001:db8::1']::inet[]) AS i
WHERE a.ip_hash IN (vetassist_hash_ip(i), vetassist_hash_ip_keyed(i)) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM kinds;

-- While the setting is sha256, the upgrade reports that it will have to be repeated.
CALL vetassist_upgrade_ip_hashes(2);
SELECT * FROM kinds;
SET vetassist.ip_hash = keyed;
SELECT count(vetassist_log_event('seen', NULL, NULL, '203.0.113.7'));
SELECT count(*) FROM vetassist_login('ICN1', 'access', now(), 'jti 2', now(), device_info => '{"ip": "203.0.113.7"}');
-- A row as a backend writes it that computes hashes itself.
INSERT INTO vetassist_auth_audit (event_type, ip_hash) VALUES ('seen', vetassist_hash_ip('2001:db8::1'));
INSERT INTO vetassist_sessions (user_id, jwt_id, device_info, expires_at)
SELECT id, 'jti 3', jsonb_build_object('ip_hash', vetassist_hash_ip('203.0.113.7'), 'n', 1), now() FROM vetassist_users;
SELECT * FROM kinds;
CALL vetassist_upgrade_ip_hashes(1);
SELECT * FROM kinds;
-- Each hash is upgraded only once, even if the function is called again.
CALL vetassist_upgrade_ip_hashes();
SELECT * FROM kinds;
SELECT jwt_id, device_info #>> '{ip_hash}' = vetassist_hash_ip_keyed('203.0.113.7') AS keyed,
       device_info #>> '{a,0,ip_hash}' = vetassist_hash_ip_keyed('2001:db8::1') AS keyed_deep, device_info - 'ip_hash' - 'a' AS rest
FROM vetassist_sessions ORDER BY jwt_id;
SELECT count(*) FROM vetassist_keyed_ip_hashes;
SELECT ip_hash FROM vetassist_auth_audit WHERE event_type = 'odd';
-- The audit trail is append-only again.
UPDATE vetassist_auth_audit SET ip_hash = NULL;
BEGIN;
CALL vetassist_upgrade_ip_hashes();
ROLLBACK;
CALL vetassist_upgrade_ip_hashes(0);
SET vetassist.master_key_file = '';
CALL vetassist_upgrade_ip_hashes();
SELECT vetassist_log_event('seen', NULL, NULL, '203.0.113.7');
