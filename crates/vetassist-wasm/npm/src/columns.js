// Written from the core's description of the columns by a test of tests/server: do not edit.

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

/** The checks of each kind of value, and its form as text. */
export const kinds = {
  uuid: ['a UUID', /^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/],
  text: ['text', undefined],
  time: ['a Date or a timestamp with its zone, and finite', /^([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:([.][0-9]{1,3})[0-9]*)?(Z|[+-][0-9]{2}(?::[0-9]{2})?)$/],
  sealed: ['bytes, at least 28', /^\\x(?:[0-9A-Fa-f]{2}){28,}$/],
  json: ['JSON', undefined],
  digits: ['an integer', /^-?[0-9]{1,19}$/],
  hash: ['64 lower-case hexadecimal digits', /^[0-9a-f]{64}$/],
  bool: ['a boolean', undefined],
};
