-- A sign-in, for pgbench. About half of the veterans have an account already.
\set veteran CASE WHEN random(0, 1) = 1 THEN random(1, 1000) ELSE random(1001, 1000000000000000) END
SELECT user_id, session_id
FROM vetassist_login(
    'pgbench-' || :veteran, :token, now() + interval '1 hour', gen_random_uuid()::text, now() + interval '1 hour',
    refresh_token => :token, scope => 'openid profile', ip => '203.0.113.7');
