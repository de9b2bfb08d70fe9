// Written from crates/vetassist-core/src/rows.rs by a test of tests/server: do not edit.

/** The columns of each table with their kinds; a question mark where NULL is allowed. */
export const columns = {
  vetassist_users: {
    id: 'uuid',
    va_icn: 'text?',
    va_veteran_status: 'text?',
    email: 'text?',
    first_name: 'text?',
    last_name: 'text?',
    is_active: 'bool?',
    created_at: 'time?',
    updated_at: 'time?',
    last_login_at: 'time?',
  },
  vetassist_va_tokens: {
    id: 'uuid',
    user_id: 'uuid',
    access_token_encrypted: 'sealed',
    refresh_token_encrypted: 'sealed?',
    token_type: 'text?',
    scope: 'text?',
    expires_at: 'time',
    created_at: 'time?',
    refreshed_at: 'time?',
  },
  vetassist_sessions: {
    id: 'uuid',
    user_id: 'uuid',
    jwt_id: 'text',
    device_info: 'json?',
    created_at: 'time?',
    expires_at: 'time',
    revoked_at: 'time?',
  },
  vetassist_auth_audit: {
    id: 'digits',
    user_id: 'uuid?',
    event_type: 'text',
    event_data: 'json?',
    ip_hash: 'hash?',
    created_at: 'time?',
  },
};
