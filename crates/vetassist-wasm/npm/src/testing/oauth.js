// A token endpoint that behaves like that of VA.gov: it rotates refresh tokens, revokes the family of a token that is used
// again, and has authorization codes with PKCE, revocation and introspection.

const random = () => crypto.randomUUID().replaceAll('-', '') + crypto.randomUUID().replaceAll('-', '');

/** Returns the error of a token endpoint (RFC 6749 section 5.2). */
export function oauthError(error, status = 400) {
  return Object.assign(new Error(`the token endpoint answered ${error}`), { error, status });
}

/** Returns the challenge of a verifier (RFC 7636 section 4.6). */
export async function challengeOf(verifier) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  return btoa(String.fromCharCode(...new Uint8Array(digest))).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** Returns a new endpoint: its state and its operations. */
export function authority({ rotate = true, lifetimeSeconds = 3600, scope = 'openid offline_access' } = {}) {
  // A family is all tokens of one sign-in.
  const access = new Map();
  const refresh = new Map();
  const codes = new Map();
  const counts = { exchanges: 0, reuse: 0 };
  let shift = 0;
  const now = () => Date.now() + shift;

  function answer(family, refreshToken) {
    const accessToken = `access-${random()}`;
    access.set(accessToken, { family, expires: now() + lifetimeSeconds * 1000 });
    return { access_token: accessToken, refresh_token: refreshToken, token_type: 'Bearer', scope: family.scope, expires_in: lifetimeSeconds };
  }

  function newRefreshToken(family) {
    const token = `refresh-${random()}`;
    refresh.set(token, { family, isUsed: false });
    return token;
  }

  function issue(subject = 'somebody', wanted = scope) {
    const family = { subject, scope: wanted, isRevoked: false };
    return answer(family, newRefreshToken(family));
  }

  function exchange(token) {
    counts.exchanges += 1;
    const held = refresh.get(token);
    if (held === undefined || held.family.isRevoked) throw oauthError('invalid_grant');
    if (held.isUsed) {
      // The token was used twice, so it counts as stolen (RFC 9700 section 4.14.2).
      counts.reuse += 1;
      held.family.isRevoked = true;
      throw oauthError('invalid_grant');
    }
    held.isUsed = rotate;
    return answer(held.family, rotate ? newRefreshToken(held.family) : token);
  }

  return {
    counts,
    issue,
    exchange,

    /** Returns a code for one exchange, bound to a client, its redirection and the challenge. */
    authorize(request) {
      const code = `code-${random()}`;
      codes.set(code, { ...request, expires: now() + 60_000 });
      return code;
    },

    async redeem({ code, clientId, redirectUri, verifier }) {
      const held = codes.get(code);
      // A code can be used only once, also if the request is refused.
      codes.delete(code);
      const isRight =
        held !== undefined &&
        held.expires > now() &&
        held.clientId === clientId &&
        held.redirectUri === redirectUri &&
        held.challenge === (await challengeOf(verifier ?? ''));
      if (!isRight) throw oauthError('invalid_grant');
      return issue(held.subject, held.scope);
    },

    /** Revokes a token's family (RFC 7009). An unknown token is not an error. */
    revoke(token) {
      const held = refresh.get(token) ?? access.get(token);
      if (held !== undefined) held.family.isRevoked = true;
    },

    /** Returns the description of a token for a resource server (RFC 7662). */
    introspect(token) {
      const held = access.get(token);
      if (held === undefined) {
        const kept = refresh.get(token);
        if (kept === undefined || kept.isUsed || kept.family.isRevoked) return { active: false };
        return { active: true, sub: kept.family.subject, scope: kept.family.scope, token_type: 'refresh_token' };
      }
      if (held.family.isRevoked || held.expires <= now()) return { active: false };
      return { active: true, sub: held.family.subject, scope: held.family.scope, token_type: 'Bearer', exp: Math.floor(held.expires / 1000) };
    },

    /** Lets the access tokens that were issued until now expire. */
    expire() {
      shift += lifetimeSeconds * 1000;
    },
  };
}
