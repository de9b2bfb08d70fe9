import type { Db, Refresh } from './client.js';

export interface ProviderOptions {
  /** True, the default, if a refresh returns a new refresh token and the old one cannot be used again. */
  rotate?: boolean | undefined;
  /** The lifetime of access tokens, by default 3600. */
  lifetimeSeconds?: number | undefined;
  /** The time that each response takes, by default 0. */
  answerMs?: number | undefined;
  scope?: string | undefined;
}

/** A complete response of a token endpoint. */
export interface IssuedTokens {
  access_token: string;
  refresh_token: string;
  token_type: string;
  scope: string;
  expires_in: number;
}

export interface Provider {
  /** Exchanges a refresh token; throws an error with `error: 'invalid_grant'` if it is refused. */
  refresh: Refresh;
  /** Issues the tokens of a new sign-in. */
  issue(subject?: string, scope?: string): IssuedTokens;
  /** Revokes the family of a token. */
  revoke(token: string): void;
  introspect(token: string): { active: boolean; sub?: string; scope?: string; token_type?: string; exp?: number };
  /** Lets the access tokens that were issued until now expire. */
  expire(): void;
  /** Loses the next responses after the exchange, so that the refresh token is used up. */
  lose(times?: number): void;
  /** Refuses the next exchanges with a final error. */
  refuse(times?: number): void;
  /** Lets the next exchanges fail with status 500. */
  fail(times?: number): void;
  /** Never answers the next exchanges. */
  hang(times?: number): void;
  /** Delays the next responses by so many milliseconds. */
  slow(ms: number, times?: number): void;
  /** The number of requested exchanges, including refused ones. */
  readonly exchanges: number;
  /** The number of times that a refresh token was used again after its exchange. A number above 0 is a bug of the caller. */
  readonly reuse: number;
  /** Serves the endpoint over HTTP at 127.0.0.1: /authorize (PKCE with S256, and state), /token, /revoke, /introspect. */
  listen(options?: { port?: number | undefined; subject?: string | undefined }): Promise<ProviderServer>;
}

export interface ProviderServer {
  /** The origin of the server, such as `http://127.0.0.1:4321`. */
  readonly origin: string;
  /** Exchanges a refresh token over HTTP. */
  refresh: Refresh;
  close(): Promise<void>;
}

/** Creates a fake provider. Its refresh tokens rotate, and the reuse of one revokes its family. */
export function provider(options?: ProviderOptions): Provider;

/** Creates a database in the process: installs the plain file in a new PGlite, or in the given one. */
export function pglite(options?: {
  schema?: string | undefined;
  database?: any;
}): Promise<Db & { readonly database: any; close(): Promise<void> }>;
