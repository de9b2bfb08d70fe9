-- Signs a veteran in and prints the stored token, and then the errors that vetassist_check() finds.
CREATE EXTENSION vetassist;
SELECT session_id IS NOT NULL AS is_signed_in
FROM vetassist_login(va_icn => '1012667145V762142', access_token => 'the access token',
    token_expires_at => now() + interval '1 hour', jwt_id => 'jwt-1', session_expires_at => now() + interval '1 hour',
    ip => '192.0.2.1') \gset
\if :is_signed_in
SELECT vetassist_access_token(vetassist_find_user('1012667145V762142'));
\endif
SELECT severity, subject, message FROM vetassist_check() WHERE severity = 'error';
