// Accounts.

import { boolean, dateOf, parameters, quoted, select, text, uuid } from './statement.js';

export const accountOf = (row) => ({
  userId: row.id,
  vaIcn: row.va_icn,
  veteranStatus: row.va_veteran_status,
  email: row.email,
  firstName: row.first_name,
  lastName: row.last_name,
  isActive: row.is_active === true,
  createdAt: dateOf(row.created_at),
  updatedAt: dateOf(row.updated_at),
  lastLoginAt: dateOf(row.last_login_at),
});

export function users({ schema, run, one, end }) {
  return {
    async user(userId, { signal } = {}) {
      const found = await one('user', 'vetassist_user', { user_id: uuid(userId) }, { isRead: true, signal });
      return found === undefined ? null : accountOf(found);
    },

    updateUser: (userId, { veteranStatus, email, firstName, lastName } = {}) =>
      one('updateUser', 'vetassist_update_user', {
        user_id: uuid(userId),
        veteran_status: text(veteranStatus ?? undefined),
        email: text(email ?? undefined),
        first_name: text(firstName ?? undefined),
        last_name: text(lastName ?? undefined),
      }),

    setActive: (userId, isActive, { reason } = {}) =>
      one('setActive', 'vetassist_set_active', { user_id: uuid(userId), is_active: boolean(isActive), reason: text(reason) }),

    /** Deletes the tokens and returns them, so that the caller can revoke them at the provider, and erases the account, in one statement. */
    async eraseUser(userId) {
      const at = quoted(schema);
      const { params, add } = parameters();
      const id = add(uuid(userId));
      const source = `(SELECT (SELECT pg_catalog.to_jsonb(d) FROM ${at}.${quoted(`vetassist_disconnect${end.twin}`)}(${id}) AS d) AS tokens OFFSET 0) AS given
CROSS JOIN LATERAL ${at}.vetassist_erase_user(CASE WHEN given.tokens IS NULL THEN ${id} ELSE ${id} END) AS r`;
      const result = "pg_catalog.jsonb_build_object('erased', r, 'tokens', given.tokens)";
      const [{ result: found }] = await run('eraseUser', select(result, source), params);
      return { erased: found.erased, tokens: tokensOf(found.tokens, userId, end) };
    },
  };
}

/** Returns deleted tokens; null for a token that no key opens. */
export const tokensOf = (row, userId, end) =>
  row === null || row === undefined
    ? null
    : { accessToken: end.open(row.access_token, userId) ?? null, refreshToken: end.open(row.refresh_token, userId) ?? null };
