// Sign-ins.

import { badArgument, failure } from './failure.js';
import { dateOf, fromNow, parameters, quoted, select, text, uuid } from './statement.js';
import { duration, readLastingTokens } from './tokens_given.js';

export function signingIn({ schema, run, end, defaultLifetime, isTransaction, logRefusal }) {
  const name = (bare) => `${quoted(schema)}.${quoted(`${bare}${end.twin}`)}`;

  /** Returns the id to seal for, and compares the ring with the known keys, in one statement. */
  async function idToSealFor(vaIcn) {
    const { params, add } = parameters();
    const known = end.keys.isOpen() ? `pg_catalog.to_jsonb(ARRAY(SELECT ${quoted(schema)}.vetassist_known_keys()))` : "'null'::jsonb";
    const result = `pg_catalog.jsonb_build_object('user_id', r, 'known', ${known})`;
    const source = `${quoted(schema)}.vetassist_find_user(${add(text(vaIcn))}) AS r`;
    const [{ result: found }] = await run('signIn', select(result, source), params, { isRead: true });
    if (found.known !== null) await end.keys.compare('signIn', found.known);
    return found.user_id ?? crypto.randomUUID();
  }

  /** Signs in, with tokens sealed for this user. Returns the id and the session from the database. */
  async function login(userId, { vaIcn, profile, session, jwtId, address }, tokens) {
    const { params, list } = parameters();
    const args = {
      ...(end.twin !== '' && { user_id: uuid(userId) }),
      va_icn: text(vaIcn),
      access_token: end.token(tokens.access, userId),
      token_expires_at: fromNow(tokens.lifetime),
      jwt_id: text(jwtId),
      session_expires_at: fromNow(session.expiresInSeconds),
      refresh_token: end.token(tokens.refresh, userId),
      veteran_status: text(profile.veteranStatus ?? undefined),
      email: text(profile.email ?? undefined),
      first_name: text(profile.firstName ?? undefined),
      last_name: text(profile.lastName ?? undefined),
      token_type: text(tokens.type),
      scope: text(tokens.scope),
      device_info: session.deviceInfo === undefined ? undefined : end.metadata(session.deviceInfo),
      ...address,
    };
    const source = `${name('vetassist_login')}(${list(args)}) AS r`;
    params.push(session.expiresInSeconds);
    const ends = `now() + $${params.length}::double precision * interval '1 second'`;
    const [{ result }] = await run('signIn', select(`pg_catalog.to_jsonb(r) || pg_catalog.jsonb_build_object('ends', ${ends})`, source), params);
    return result;
  }

  /** Logs the refusal of an inactive account. After an error in a transaction nothing can be written. */
  async function refuse(error, ip) {
    if (isTransaction || error.userId === undefined) return;
    try {
      await logRefusal(error.userId, ip);
    } catch {
      // The refusal is thrown even if it cannot be logged.
    }
  }

  async function signIn(input) {
    const { vaIcn, profile = {}, session, ip } = input ?? {};
    if (typeof vaIcn !== 'string') throw badArgument('vaIcn must be text');
    const tokens = readLastingTokens(input.tokens, defaultLifetime);
    duration(session?.expiresInSeconds, 'session.expiresInSeconds');
    const jwtId = session.jwtId ?? crypto.randomUUID();
    const what = { vaIcn, profile, session, jwtId, address: end.address(ip, 'signIn') };
    try {
      let userId = end.twin === '' ? undefined : await idToSealFor(vaIcn);
      let answer = await login(userId, what, tokens);
      if (answer.session_id === null) {
        // Another sign-in created the account meanwhile, with another id.
        userId = answer.user_id;
        answer = await login(userId, what, tokens);
      }
      if (answer.session_id === null) {
        throw failure('ERR_DATABASE', "the account of this ICN changed twice: nothing was stored", { retryable: true });
      }
      await end.keys.note('signIn');
      return { userId: answer.user_id, sessionId: answer.session_id, jwtId, expiresAt: dateOf(answer.ends) };
    } catch (error) {
      if (error.code === 'ERR_ACCOUNT_INACTIVE') await refuse(error, ip);
      throw error;
    }
  }

  return { signIn };
}
