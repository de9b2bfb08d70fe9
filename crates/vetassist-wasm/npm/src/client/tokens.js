// Operations on stored tokens that do not exchange them.

import { dateOf, fromNow, text, uuid } from './statement.js';
import { readLastingTokens } from './tokens_given.js';
import { tokensOf } from './users.js';

export function tokens({ one, end, defaultLifetime }) {
  return {
    async storeTokens(userId, answered) {
      const found = readLastingTokens(answered, defaultLifetime);
      await end.keys.check('storeTokens');
      const args = {
        user_id: uuid(userId),
        access_token: end.token(found.access, userId),
        expires_at: fromNow(found.lifetime),
        refresh_token: end.token(found.refresh, userId),
        token_type: text(found.type),
        scope: text(found.scope),
      };
      await one('storeTokens', `vetassist_store_tokens${end.twin}`, args, { result: "'true'" });
      await end.keys.note('storeTokens');
    },

    async tokenStatus(userId, { signal } = {}) {
      const found = await one('tokenStatus', 'vetassist_token_status', { user_id: uuid(userId) }, { isRead: true, signal });
      return {
        state: found.state,
        expiresAt: dateOf(found.expires_at),
        tokenType: found.token_type,
        scope: found.scope,
        hasRefreshToken: found.has_refresh_token,
        refreshedAt: dateOf(found.refreshed_at),
        attempts: found.attempts,
        retryAt: dateOf(found.retry_at),
        lastError: found.last_error,
      };
    },

    async disconnect(userId) {
      return tokensOf(await one('disconnect', `vetassist_disconnect${end.twin}`, { user_id: uuid(userId) }), userId, end);
    },
  };
}
