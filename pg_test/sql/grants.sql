-- The rights of each role.
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE EXTENSION vetassist;
DROP ROLE IF EXISTS golden_app, golden_auditor, golden_admin, golden_monitor;
CREATE ROLE golden_app;
CREATE ROLE golden_auditor;
CREATE ROLE golden_admin;
CREATE ROLE golden_monitor;
SELECT vetassist_grant('golden_app', 'app');
SELECT vetassist_grant('golden_auditor', 'auditor');
SELECT vetassist_grant('golden_admin', 'admin');
SELECT vetassist_grant('golden_monitor', 'monitor');
SELECT vetassist_grant('golden_app', 'root');
SELECT vetassist_grant('golden_app', NULL);
SELECT vetassist_grant(NULL, 'app');

-- Every function and procedure that PUBLIC may not execute.
SELECT p.proname,
       has_function_privilege('golden_app', p.oid, 'EXECUTE') AS app,
       has_function_privilege('golden_auditor', p.oid, 'EXECUTE') AS auditor,
       has_function_privilege('golden_admin', p.oid, 'EXECUTE') AS admin,
       has_function_privilege('golden_monitor', p.oid, 'EXECUTE') AS monitor
FROM pg_proc p
WHERE p.proname LIKE 'vetassist%' AND NOT has_function_privilege('public', p.oid, 'EXECUTE')
ORDER BY p.proname;
-- Every table and view.
SELECT c.relname, r.rolname
FROM pg_class c, pg_roles r, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p
WHERE c.relname LIKE 'vetassist%' AND c.relkind IN ('r', 'v') AND r.rolname LIKE 'golden%' AND has_table_privilege(r.oid, c.oid, p)
ORDER BY 1, 2;

SET ROLE golden_app;
SELECT count(*) FROM vetassist_login('1012667145V762142', 'access', now(), 'jti', now() + interval '1 day', email => 'tamara@example.com', first_name => 'Tamara', last_name => 'Ellis', ip => '203.0.113.7');
SELECT vetassist_session_active('jti');
SELECT access_token_encrypted FROM vetassist_va_tokens;
SELECT vetassist_decrypt_token('', gen_random_uuid());
SELECT * FROM vetassist_keys();
UPDATE vetassist_auth_audit SET event_type = 'x';
SELECT vetassist_purge_audit('1 day');
SELECT vetassist_grant('golden_app', 'admin');
RESET ROLE;

SET ROLE golden_auditor;
SELECT va_icn, email, first_name, last_name, is_active FROM vetassist_users_masked();
SELECT event_type FROM vetassist_auth_audit;
SELECT * FROM vetassist_users;
SELECT vetassist_access_token(id) FROM vetassist_users_masked();
INSERT INTO vetassist_auth_audit (event_type) VALUES ('x');
RESET ROLE;

SET ROLE golden_admin;
CALL vetassist_rotate_tokens();
SELECT sealed_values FROM vetassist_rotation_status();
CALL vetassist_upgrade_ip_hashes();
SELECT vetassist_purge_audit('1 year'), vetassist_purge_sessions('1 year');
SELECT count(*) FROM vetassist_keys();
SELECT count(*) FROM vetassist_check_schema();
SELECT vetassist_access_token(gen_random_uuid());
SELECT vetassist_reseal_token('', gen_random_uuid());
SELECT * FROM vetassist_va_tokens;
DELETE FROM vetassist_auth_audit;
RESET ROLE;

SET ROLE golden_monitor;
SELECT severity, subject FROM vetassist_check();
SELECT count(*) FROM vetassist_keys();
SELECT * FROM vetassist_users_masked();
SELECT vetassist_reload_keys();
RESET ROLE;

-- All rights are revoked.
SELECT role, object, privilege
FROM unnest(ARRAY['golden_app', 'golden_auditor', 'golden_admin', 'golden_monitor']::regrole[]) AS role, vetassist_revoke(role)
WHERE source <> 'PUBLIC';
SELECT * FROM vetassist_revoke('golden_app');
SELECT count(*) FROM pg_proc p, pg_roles r
WHERE p.proname LIKE 'vetassist%' AND NOT has_function_privilege('public', p.oid, 'EXECUTE')
  AND r.rolname LIKE 'golden%' AND has_function_privilege(r.oid, p.oid, 'EXECUTE');
SELECT count(*) FROM pg_class c, pg_roles r WHERE c.relname LIKE 'vetassist%' AND c.relkind IN ('r', 'v') AND r.rolname LIKE 'golden%' AND has_table_privilege(r.oid, c.oid, 'SELECT');
SELECT vetassist_revoke(NULL);
DROP ROLE golden_app, golden_auditor, golden_admin, golden_monitor;
