import type { Db, Refresh } from './client.js';

export interface ProviderOptions {
  /** Says whether a refresh gives a new refresh token and spends the old one: true if not given. */
  rotate?: boolean | undefined;
  /** Says how long access tokens live: 3600 if not given. */
  lifetimeSeconds?: number | undefined;
  /** Says how long each answer takes: 0 if not given. */
  answerMs?: number | undefined;
  scope?: string | undefined;
}

/** Holds all that a token endpoint answers. */
export interface IssuedTokens {
  access_token: string;
  refresh_token: string;
  token_type: string;
  scope: string;
  expires_in: number;
}

export interface Provider {
  /** Exchanges a refresh token; throws with `error: 'invalid_grant'` where it is refused. */
  refresh: Refresh;
  /** Issues the tokens of a new sign-in. */
  issue(subject?: string, scope?: string): IssuedTokens;
  /** Revokes the family of a token. */
  revoke(token: string): void;
  introspect(token: string): { active: boolean; sub?: string; scope?: string; token_type?: string; exp?: number };
  /** Lets every access token expire that was issued until now. */
  expire(): void;
  /** Loses the next answers after they were given: the refresh token is spent. */
  lose(times?: number): void;
  /** Refuses the next exchanges for good. */
  refuse(times?: number): void;
  /** Fails the next exchanges with status 500. */
  fail(times?: number): void;
  /** Never answers the next exchanges. */
  hang(times?: number): void;
  /** Takes so many milliseconds for the next answers. */
  slow(ms: number, times?: number): void;
  /** Counts the exchanges, refused ones included. */
  readonly exchanges: number;
  /** Counts how often a refresh token was shown that had been exchanged already: anything but 0 is a defect of the caller. */
  readonly reuse: number;
  /** Serves the same over HTTP at 127.0.0.1: /authorize (PKCE with S256, and state), /token, /revoke, /introspect. */
  listen(options?: { port?: number | undefined; subject?: string | undefined }): Promise<ProviderServer>;
}

export interface ProviderServer {
  /** Names the server, such as `http://127.0.0.1:4321`. */
  readonly origin: string;
  /** Exchanges a refresh token over HTTP. */
  refresh: Refresh;
  close(): Promise<void>;
}

/** Makes a fake provider: its refresh tokens rotate, and the reuse of one revokes its family. */
export function provider(options?: ProviderOptions): Provider;

/** Makes a database in the process: a new PGlite, or the one that is given, with the plain installation in it. */
export function pglite(options?: {
  schema?: string | undefined;
  database?: any;
}): Promise<Db & { readonly database: any; close(): Promise<void> }>;
