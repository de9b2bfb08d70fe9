// Sessions: looks up, lists, creates, extends, ends and purges them.

import { badArgument } from './failure.js';
import { dateOf, fromNow, integer, parameters, quoted, seconds, select, text, uuid } from './statement.js';
import { duration } from './tokens_given.js';
import { accountOf } from './users.js';

export function sessions({ schema, run, one, call, end }) {
  return {
    async session(jwtId, { signal } = {}) {
      const { params, add } = parameters();
      const at = quoted(schema);
      // The account is read with the session, so that a request needs one round trip.
      const source = `${at}.vetassist_session(${add(text(jwtId))}) AS s CROSS JOIN LATERAL ${at}.vetassist_user(s.user_id) AS u`;
      const result = "pg_catalog.jsonb_build_object('session', pg_catalog.to_jsonb(s), 'account', pg_catalog.to_jsonb(u))";
      const [row] = await run('session', select(result, source), params, { isRead: true, signal });
      if (row === undefined) return null;
      const { session: found, account } = row.result;
      return {
        sessionId: found.session_id,
        userId: found.user_id,
        deviceInfo: found.device_info,
        createdAt: dateOf(found.created_at),
        expiresAt: dateOf(found.expires_at),
        account: accountOf(account),
      };
    },

    async sessions(userId, { signal } = {}) {
      const rows = await call('sessions', 'vetassist_list_sessions', { user_id: uuid(userId) }, { isRead: true, signal });
      return rows.map(({ result: found }) => ({
        sessionId: found.session_id,
        jwtId: found.jwt_id,
        deviceInfo: found.device_info,
        createdAt: dateOf(found.created_at),
        expiresAt: dateOf(found.expires_at),
        revokedAt: dateOf(found.revoked_at),
        isActive: found.is_active,
      }));
    },

    async newSession(userId, { expiresInSeconds, jwtId = crypto.randomUUID(), deviceInfo, ip } = {}) {
      const { params, list } = parameters();
      const args = {
        user_id: uuid(userId),
        jwt_id: text(jwtId),
        expires_at: fromNow(duration(expiresInSeconds, 'expiresInSeconds')),
        device_info: deviceInfo === undefined ? undefined : end.metadata(deviceInfo),
        ...end.address(ip, 'newSession'),
      };
      const source = `${quoted(schema)}.${quoted(`vetassist_new_session${end.twin}`)}(${list(args)}) AS r`;
      params.push(expiresInSeconds);
      const ends = `now() + $${params.length}::double precision * interval '1 second'`;
      const [{ result }] = await run('newSession', select(`pg_catalog.jsonb_build_object('id', r, 'ends', ${ends})`, source), params);
      return { sessionId: result.id, jwtId, expiresAt: dateOf(result.ends) };
    },

    extendSession: (jwtId, userId, { expiresInSeconds } = {}) =>
      one('extendSession', 'vetassist_extend_session', {
        jwt_id: text(jwtId),
        user_id: uuid(userId),
        expires_at: fromNow(duration(expiresInSeconds, 'expiresInSeconds')),
      }),

    async endSession(which, userId) {
      const { sessionId, jwtId } = which ?? {};
      if ((sessionId === undefined) === (jwtId === undefined)) throw badArgument('pass either sessionId or jwtId');
      return sessionId === undefined
        ? one('endSession', 'vetassist_revoke_session', { jwt_id: text(jwtId), user_id: uuid(userId) })
        : one('endSession', 'vetassist_revoke_session_by_id', { session_id: uuid(sessionId), user_id: uuid(userId) });
    },

    endSessions: (userId, { exceptJwtId } = {}) =>
      one('endSessions', 'vetassist_revoke_all_sessions', { user_id: uuid(userId), except_jwt_id: text(exceptJwtId) }),

    purgeSessions: ({ olderThanDays, max } = {}) =>
      one('purgeSessions', 'vetassist_purge_sessions', {
        older_than: seconds(olderThanDays === undefined ? undefined : olderThanDays * 86_400),
        max_rows: integer(max),
      }),
  };
}
