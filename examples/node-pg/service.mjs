// The sign-in service of a Node backend, on node-postgres and the extension: the sealing is the database's, and the
// service's role needs no right to any table.
//
//     SELECT vetassist_grant('backend', 'app');

import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { checkSchema, schemaQuery } from 'vetassist';

const SESSION_LIFETIME = 8 * 60 * 60 * 1000;
/** The time that a request waits for the refresh of another, in milliseconds. */
const PATIENCE = 10_000;

/** The account exists and may not be used. */
export class AccountInactive extends Error {}

export class Service {
  #pool;

  constructor(pool) {
    this.#pool = pool;
  }

  /** A service on a database whose tables are what they must be; an error names what is not. */
  static async start(pool, schema = 'public') {
    const db = await pool.connect();
    try {
      await db.query('BEGIN READ ONLY');
      // So that the catalogs are described in the words that the comparison knows.
      await db.query('SET LOCAL search_path = pg_catalog; SET LOCAL quote_all_identifiers = off');
      const { rows } = await db.query(schemaQuery, [schema]);
      const differences = checkSchema(rows).map(({ object, problem }) => `${object}: ${problem}`);
      if (differences.length > 0) throw new Error(`the database has drifted: ${differences.join('; ')}`);
    } finally {
      await db.query('ROLLBACK');
      db.release();
    }
    return new Service(pool);
  }

  async #one(text, ...values) {
    const { rows } = await this.#pool.query(text, values);
    return rows[0];
  }

  /** Stores what VA.gov's token endpoint answered, and begins a session. */
  async signIn(vaIcn, tokens, ip, device = undefined) {
    const jwtId = randomUUID();
    const now = Date.now();
    try {
      const row = await this.#one(
        `SELECT user_id, session_id FROM vetassist_login(
           $1, $2, $3, $4, $5, refresh_token => $6, scope => $7, device_info => $8, ip => $9)`,
        vaIcn,
        tokens.access_token,
        new Date(now + tokens.expires_in * 1000),
        jwtId,
        new Date(now + SESSION_LIFETIME),
        tokens.refresh_token,
        tokens.scope,
        device,
        ip,
      );
      return { userId: row.user_id, sessionId: row.session_id, jwtId };
    } catch (error) {
      if (error.code !== 'VA001') throw error;
      // The refusal took the sign-in's audit row with it, so it is logged by itself.
      const userId = error.detail.replace('user_id ', '');
      await this.#one("SELECT vetassist_log_event('login_refused', $1, NULL, $2)", userId, ip);
      throw new AccountInactive(userId);
    }
  }

  /** Returns true if the session of a JWT is active. Ask at each request. */
  async isSignedIn(jwtId) {
    return (await this.#one('SELECT vetassist_session_active($1) AS active', jwtId)).active;
  }

  /** The sessions of a user, the newest first. */
  async sessions(userId) {
    return (await this.#pool.query('SELECT * FROM vetassist_list_sessions($1)', [userId])).rows;
  }

  /** Returns true if there was a session to end. */
  async signOut(jwtId, userId) {
    return (await this.#one('SELECT vetassist_revoke_session($1, $2) AS ended', jwtId, userId)).ended;
  }

  /**
   * Returns a token in the clear, for a call to VA.gov: not to be kept or logged. Null where the veteran must sign in again.
   * refresh exchanges a refresh token at VA.gov; one caller at a time is asked to.
   */
  async accessToken(userId, refresh) {
    for (const deadline = Date.now() + PATIENCE; ; ) {
      const found = await this.#one(
        'SELECT *, 1000 * extract(epoch FROM retry_at - clock_timestamp())::float8 AS wait FROM vetassist_use_token($1)',
        userId,
      );
      if (found.state === 'refresh') {
        await this.#exchange(found, refresh);
      } else if (found.access_token !== null || found.state !== 'wait') {
        return found.access_token;
      } else if (Date.now() + found.wait > deadline) {
        throw new Error('VA.gov does not renew the token at present');
      } else {
        await setTimeout(Math.max(found.wait, 20));
      }
    }
  }

  /** Has VA.gov renew the tokens that expire within five minutes, for a worker. Returns how many were renewed. */
  async refreshDue(refresh) {
    for (let renewed = 0; ; ) {
      const { rows: leases } = await this.#pool.query('SELECT * FROM vetassist_claim_refreshes()');
      if (leases.length === 0) return renewed;
      const outcomes = await Promise.all(leases.map((lease) => this.#exchange(lease, refresh)));
      renewed += outcomes.filter((outcome) => outcome === 'stored').length;
    }
  }

  /**
   * Exchanges a leased refresh token. The lease was committed, so no lock is held, and nobody else shows VA.gov this token,
   * which would take it as stolen.
   */
  async #exchange({ lease_id: lease, refresh_token: token }, refresh) {
    let tokens;
    try {
      tokens = await refresh(token);
    } catch (error) {
      const code = error.error ?? 'other';
      await this.#one('SELECT * FROM vetassist_fail_refresh($1, $2, $3)', lease, code, code === 'invalid_grant');
      return 'failed';
    }
    const ended = await this.#one(
      'SELECT vetassist_finish_refresh($1, $2, $3, $4, scope => $5) AS outcome',
      lease,
      tokens.access_token,
      new Date(Date.now() + tokens.expires_in * 1000),
      tokens.refresh_token,
      tokens.scope,
    );
    return ended.outcome;
  }
}
