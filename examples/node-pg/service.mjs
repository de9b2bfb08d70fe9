// The sign-in service of a Node backend, on node-postgres and the extension. The database seals, and the service's role needs
// no privilege on a table.
//
//     SELECT vetassist_grant('backend', 'app');

import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { checkSchema, schemaQuery } from 'vetassist';

const SESSION_LIFETIME = 8 * 60 * 60 * 1000;
/** The time that a request waits for another caller's refresh, in milliseconds. */
const PATIENCE = 10_000;

/** The account exists and is not active. */
export class AccountInactive extends Error {}

export class Service {
  #pool;

  constructor(pool) {
    this.#pool = pool;
  }

  /** Returns a service on a database. Throws an error with the differences if the tables differ from their description. */
  static async start(pool, schema = 'public') {
    const db = await pool.connect();
    try {
      await db.query('BEGIN READ ONLY');
      // The comparison expects the catalogs' names in this form.
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

  /** Stores the response of VA.gov's token endpoint, and begins a session. */
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
      // The error rolled the audit row of the sign-in back, so the refusal is logged in a statement of its own.
      const userId = error.detail.replace('user_id ', '');
      await this.#one("SELECT vetassist_log_event('login_refused', $1, NULL, $2)", userId, ip);
      throw new AccountInactive(userId);
    }
  }

  /** Returns true if the session of a JWT is active. Ask at each request. */
  async isSignedIn(jwtId) {
    return (await this.#one('SELECT vetassist_session_active($1) AS active', jwtId)).active;
  }

  /** Returns the sessions of a user, the newest first. */
  async sessions(userId) {
    return (await this.#pool.query('SELECT * FROM vetassist_list_sessions($1)', [userId])).rows;
  }

  /** Returns true if there was a session to end. */
  async signOut(jwtId, userId) {
    return (await this.#one('SELECT vetassist_revoke_session($1, $2) AS ended', jwtId, userId)).ended;
  }

  /**
   * Returns an opened token for a call to VA.gov; do not keep or log it. Returns null if the veteran must sign in again.
   * refresh exchanges a refresh token at VA.gov; only one caller at a time calls it.
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

  /** Refreshes the tokens that expire within five minutes, for a worker. Returns the number of refreshed tokens. */
  async refreshDue(refresh) {
    for (let renewed = 0; ; ) {
      const { rows: leases } = await this.#pool.query('SELECT * FROM vetassist_claim_refreshes()');
      if (leases.length === 0) return renewed;
      const outcomes = await Promise.all(leases.map((lease) => this.#exchange(lease, refresh)));
      renewed += outcomes.filter((outcome) => outcome === 'stored').length;
    }
  }

  /**
   * Exchanges a leased refresh token. The lease was committed, so no lock is held, and no other caller presents this token to
   * VA.gov, which would treat it as stolen.
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
