-- Tokens and sessions.
\set SHOW_CONTEXT never
CREATE EXTENSION vetassist;
\set user '''1bb044aa-ded1-40c7-8a88-433e74903f95'''
\set other '''274f6580-3ca4-4d6d-b08c-f59e40a55563'''
INSERT INTO vetassist_users (id, va_icn) VALUES (:user, 'ICN1'), (:other, 'ICN2');

SELECT vetassist_access_token(:user), vetassist_refresh_token(:user), vetassist_access_token(NULL);
SELECT vetassist_store_tokens(:user, 'access 1', now() + interval '1 minute');
SELECT vetassist_access_token(:user), vetassist_refresh_token(:user);
SELECT vetassist_store_tokens(:user, 'access 2', now() + interval '1 minute', 'refresh 2', scope => 'openid');
SELECT vetassist_store_tokens(:user, 'access 3', now() + interval '1 minute');
SELECT vetassist_access_token(:user), vetassist_refresh_token(:user), token_type, scope FROM vetassist_va_tokens;
SELECT vetassist_store_tokens(NULL, 'access', now());
SELECT vetassist_store_tokens(:user, NULL, now());
SELECT vetassist_store_tokens(:user, '', now());
SELECT vetassist_store_tokens(:user, 'access', NULL);
SELECT vetassist_store_tokens('00000000-0000-0000-0000-000000000000', 'access', now());
-- A token that does not open is an error, not NULL.
INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, expires_at)
SELECT :other, access_token_encrypted, refresh_token_encrypted, now() FROM vetassist_va_tokens;
SELECT vetassist_access_token(:other);
SELECT vetassist_refresh_token(:other);

-- Expiring tokens are listed in order, only of active users, and only with a refresh token.
SELECT user_id FROM vetassist_tokens_expiring();
SELECT user_id FROM vetassist_tokens_expiring('5 minutes', 1);
SELECT user_id FROM vetassist_tokens_expiring('0 minutes');
UPDATE vetassist_va_tokens SET refresh_token_encrypted = NULL WHERE user_id = :other;
SELECT user_id FROM vetassist_tokens_expiring();
UPDATE vetassist_users SET is_active = false WHERE id = :user;
SELECT user_id FROM vetassist_tokens_expiring();
SELECT vetassist_store_tokens(:user, 'access', now());
UPDATE vetassist_users SET is_active = true WHERE id = :user;
SELECT * FROM vetassist_tokens_expiring(NULL);
SELECT * FROM vetassist_tokens_expiring('1 minute', 0);

-- Active and ended sessions.
INSERT INTO vetassist_sessions (user_id, jwt_id, created_at, expires_at, revoked_at) VALUES
    (:user, 'active', '2026-01-03', now() + interval '1 day', NULL),
    (:user, 'also active', '2026-01-02', now() + interval '1 day', NULL),
    (:user, 'expired', '2026-01-01', now() - interval '1 second', NULL),
    (:user, 'revoked', '2025-12-31', now() + interval '1 day', now()),
    (:other, 'of another', '2026-01-01', now() + interval '1 day', NULL);
SELECT j, vetassist_session_active(j) FROM unnest(ARRAY['active', 'expired', 'revoked', 'unknown', '', NULL]) AS j;
SELECT jwt_id, is_active FROM vetassist_list_sessions(:user);
SELECT count(*) FROM vetassist_list_sessions(NULL);
UPDATE vetassist_users SET is_active = false WHERE id = :user;
SELECT vetassist_session_active('active');
UPDATE vetassist_users SET is_active = NULL WHERE id = :user;
SELECT vetassist_session_active('active');
SELECT count(*) FROM vetassist_list_sessions(:user) WHERE is_active;
UPDATE vetassist_users SET is_active = true WHERE id = :user;

-- Only a user's own session can be ended, and only once.
SELECT vetassist_revoke_session('active', :other);
SELECT vetassist_session_active('active');
SELECT vetassist_revoke_session('active', :user);
SELECT vetassist_revoke_session('active', :user);
SELECT vetassist_session_active('active');
SELECT vetassist_revoke_session(NULL, :user);
SELECT vetassist_revoke_session('active', NULL);
SELECT vetassist_revoke_all_sessions(:user, 'also active');
SELECT vetassist_session_active('also active'), vetassist_session_active('of another');
SELECT vetassist_revoke_all_sessions(:user);
SELECT vetassist_revoke_all_sessions(NULL);

-- Sessions are purged in batches.
SELECT vetassist_purge_sessions('1 day', 100);
SELECT vetassist_purge_sessions('0 days', 2), vetassist_purge_sessions('0 days', 100), vetassist_purge_sessions('0 days', 100);
SELECT jwt_id FROM vetassist_sessions;
SELECT vetassist_purge_sessions('-1 day', 100);
SELECT vetassist_purge_sessions(NULL, 100);
SELECT vetassist_purge_sessions('1 day', 0);
