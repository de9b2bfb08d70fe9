import type { ErrorCode, JsonValue, KeyRing, SchemaDifference, VetassistError } from './index.js';

/** Lists the types of a statement's parameters. The statement casts all of them, so that all drivers treat them alike. */
export type Param = string | number | boolean | null;

/** Runs statements, with your driver. Rows are objects with their columns in order. */
export interface Db {
  query(text: string, params: readonly Param[], options?: { signal?: AbortSignal }): Promise<readonly object[]>;
}

/** Describes the part of node-postgres's Pool, Client and PoolClient that is used. */
export interface PgLike {
  query(text: string, values: any[]): Promise<{ rows: object[] }>;
}

/** Describes the part of postgres.js's `sql` that is used. */
export interface PostgresLike {
  unsafe(text: string, values: any[]): PromiseLike<readonly object[]>;
}

/** Describes the part of PGlite and its transactions that is used. */
export interface PgliteLike {
  query(text: string, values?: any[]): Promise<{ rows: any[] }>;
}

/** Describes the part of the result of Neon's `neon()` that is used. */
export interface NeonLike {
  query(text: string, values?: any[]): Promise<readonly object[] | { rows: readonly object[] }>;
}

/** Returns a Db of node-postgres: of a pool, or of a client, also in a transaction. */
export function fromPg(pool: PgLike): Db;

/** Returns a Db of postgres.js: of the result of `postgres()`, or of the `sql` in its `begin`. */
export function fromPostgres(sql: PostgresLike): Db;

/** Returns a Db of PGlite, or of its transaction. */
export function fromPglite(db: PgliteLike): Db;

/** Returns a Db of the result of `neon()`. */
export function fromNeon(sql: NeonLike): Db;

/** Describes the response of a token endpoint. The responses of openid-client and oauth4webapi have this form. */
export interface TokenResponse {
  readonly access_token: string;
  readonly refresh_token?: string | undefined;
  readonly token_type?: string | undefined;
  readonly scope?: string | undefined;
  readonly expires_in?: number | string | undefined;
}

/** Exchanges a refresh token. An exception with `error: 'invalid_grant'` is final; after any other the refresh is tried again later. */
export type Refresh = (refreshToken: string, context: { userId: string; signal: AbortSignal }) => Promise<TokenResponse>;

export interface Options {
  db: Db;
  /** Makes the client seal. Without a ring the server seals; the rest of the service's code is the same. */
  ring?: KeyRing | undefined;
  /** Exchanges refresh tokens at the provider. */
  refresh?: Refresh | undefined;
  /** Names the schema of vetassist's objects, by default `public`. The client does not rely on a search_path. */
  schema?: string | undefined;
  /** Chooses how a client with a ring hashes addresses, by default `keyed`. */
  ipHash?: 'keyed' | 'sha256' | undefined;
  /** Chooses what happens with a malformed address. `drop`, the default, leaves it out and reports it. */
  onBadAddress?: 'drop' | 'throw' | undefined;
  /** Limits the time of one exchange, by default 10,000. The lease lasts three times as long. */
  refreshTimeoutMs?: number | undefined;
  /** Applies if a token endpoint returns no `expires_in`. */
  defaultLifetimeSeconds?: number | undefined;
  /** Keeps an exchange alive after the request that began it: a Worker's `ctx.waitUntil`, Next's `after`. */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /** Receives events. They never contain a token, an address, an ICN or a parameter. */
  onEvent?: ((event: ClientEvent) => void) | undefined;
}

export type ClientEvent =
  | { type: 'statement'; name: Operation; ms: number; rows: number; attempt: number; sqlstate?: string }
  | { type: 'refresh'; userId: string; outcome: 'stored' | 'discarded' | 'rejected' | 'failed' | 'uncertain'; ms: number }
  | { type: 'bad_address'; operation: Operation }
  | { type: 'rotation'; seen: number; resealed: number; unopened: number };

/** Ends the waiting, and never a running exchange. */
export interface Call {
  signal?: AbortSignal | undefined;
}

/** States the address of a request. A malformed address is left out and reported, unless `onBadAddress` is `throw`. */
export interface From {
  ip?: string | null | undefined;
}

/** States the profile of a user, from the identity provider. A missing or null value keeps the stored one. */
export interface Profile {
  veteranStatus?: string | null | undefined;
  email?: string | null | undefined;
  firstName?: string | null | undefined;
  lastName?: string | null | undefined;
}

export interface NewSession {
  expiresInSeconds: number;
  /** The `jti` of the JWT, by default a fresh one. */
  jwtId?: string | undefined;
  /** The description of the device. Its addresses are hashed. */
  deviceInfo?: JsonValue | undefined;
}

export interface SignIn extends From {
  vaIcn: string;
  tokens: TokenResponse;
  session: NewSession;
  profile?: Profile | undefined;
}

export interface SignedIn {
  userId: string;
  sessionId: string;
  jwtId: string;
  expiresAt: Date;
}

export interface Account {
  userId: string;
  vaIcn: string | null;
  veteranStatus: string | null;
  email: string | null;
  firstName: string | null;
  lastName: string | null;
  isActive: boolean;
  createdAt: Date | null;
  updatedAt: Date | null;
  lastLoginAt: Date | null;
}

export interface ActiveSession {
  sessionId: string;
  userId: string;
  deviceInfo: JsonValue | null;
  createdAt: Date | null;
  expiresAt: Date;
  account: Account;
}

export interface SessionInfo {
  sessionId: string;
  jwtId: string;
  deviceInfo: JsonValue | null;
  createdAt: Date | null;
  expiresAt: Date;
  revokedAt: Date | null;
  isActive: boolean;
}

export interface TokenStatus {
  state: 'ready' | 'refresh' | 'wait' | 'reconnect' | 'none';
  expiresAt: Date | null;
  tokenType: string | null;
  scope: string | null;
  hasRefreshToken: boolean;
  refreshedAt: Date | null;
  attempts: number;
  retryAt: Date | null;
  lastError: string | null;
}

/** Holds deleted tokens, for revoking them at the provider. Null is a token that was missing, or that no key opens. */
export interface GivenUp {
  accessToken: string | null;
  refreshToken: string | null;
}

export interface RefreshOptions extends Call {
  /** Replaces the client's own function for this call. */
  refresh?: Refresh | undefined;
  /** Limits the waiting for another caller's exchange, by default 10,000. */
  waitMs?: number | undefined;
}

export interface RotationStep {
  /** States where the next step continues; null if nothing is left. */
  after: string | null;
  seen: number;
  resealed: number;
  /** The number of rows that must be read again, because they are locked or have changed. */
  held: number;
  /** Names at most 100 users with a token that no key of the ring opens. */
  unopened: string[];
}

/** Has the operations that exchange no token and take a few statements. They are also allowed in a transaction. */
export interface Transaction {
  /**
   * Signs in: stores the account, both tokens, the session and the event, or nothing. If the account is inactive, it throws
   * and logs the event `login_refused`, unless it runs in a transaction of the caller.
   */
  signIn(input: SignIn): Promise<SignedIn>;
  /** Returns the session of a JWT with its account; null if it expired, was revoked, or the account is not active. */
  session(jwtId: string, call?: Call): Promise<ActiveSession | null>;
  sessions(userId: string, call?: Call): Promise<SessionInfo[]>;
  /** Creates another session of an existing user. */
  newSession(userId: string, session: NewSession & From): Promise<{ sessionId: string; jwtId: string; expiresAt: Date }>;
  /** Extends an active session to so many seconds from now. It never revives a session that ended, and never shortens one. */
  extendSession(jwtId: string, userId: string, options: { expiresInSeconds: number }): Promise<boolean>;
  endSession(which: { sessionId: string } | { jwtId: string }, userId: string): Promise<boolean>;
  /** Ends all sessions of a user, or all but one, and returns their number. */
  endSessions(userId: string, options?: { exceptJwtId?: string | undefined }): Promise<number>;
  purgeSessions(options?: { olderThanDays?: number | undefined; max?: number | undefined }): Promise<number>;
  user(userId: string, call?: Call): Promise<Account | null>;
  /** Returns whether anything changed. */
  updateUser(userId: string, profile: Profile): Promise<boolean>;
  /** Activates an account, or deactivates it and ends its sessions. Needs the tier admin. */
  setActive(userId: string, isActive: boolean, options?: { reason?: string | undefined }): Promise<boolean>;
  /** Deletes the tokens and erases the account in one statement. Revoke the returned tokens at the provider. */
  eraseUser(userId: string): Promise<{ erased: boolean; tokens: GivenUp | null }>;
  storeTokens(userId: string, tokens: TokenResponse): Promise<void>;
  tokenStatus(userId: string, call?: Call): Promise<TokenStatus>;
  /** Deletes a user's tokens and returns them, so that you can revoke them at the provider; null if there are none. */
  disconnect(userId: string): Promise<GivenUp | null>;
  /** Logs an event of the service, and returns its id. */
  logEvent(type: string, event?: From & { userId?: string | undefined; data?: JsonValue | undefined }): Promise<string>;
}

export interface Client extends Transaction {
  /**
   * Throws `ERR_DRIFTED`, with all `differences`, if the tables differ from their description, if the client's role lacks a
   * right, or if a role that is not in `allowRoles` has rights.
   */
  check(options?: Call & { allowRoles?: readonly string[] | undefined }): Promise<void>;
  /** Returns an access token that is valid for `minValidMs` (60,000), and refreshes it if needed. Returns the old token while another caller refreshes. */
  accessToken(userId: string, options?: RefreshOptions & { minValidMs?: number | undefined }): Promise<{ token: string; expiresAt: Date }>;
  /** Makes a request. After a response 401 it refreshes the token once and repeats the request. */
  withToken<T extends { status: number }>(userId: string, request: (token: string) => Promise<T>, options?: RefreshOptions): Promise<T>;
  /** Refreshes tokens that expire soon. Call it again while `more` is true. */
  refreshExpiring(
    options?: Call & {
      withinMs?: number | undefined;
      max?: number | undefined;
      concurrency?: number | undefined;
      refresh?: Refresh | undefined;
    },
  ): Promise<{ stored: number; rejected: string[]; failed: { userId: string; error: unknown }[]; more: boolean }>;
  /** Seals every token under the ring's current key, in one call or in limited steps. Needs the tier admin. */
  rotateTokens(
    options?: Call & {
      after?: string | null | undefined;
      maxRows?: number | undefined;
      maxMs?: number | undefined;
      onProgress?: ((progress: { seen: number; resealed: number; unopened: number }) => void) | undefined;
    },
  ): Promise<RotationStep>;
  /** Counts the sealed values of each key. The last row has no fingerprint and counts the values that no key opens. */
  rotationStatus(
    call?: Call,
  ): Promise<{ fingerprint: string | null; isCurrent: boolean | null; sealedValues: number; userIds: string[] | null }[]>;
  /** Returns the operations for a transaction of the caller, without exchanges, because a rollback would lose the response. */
  with(tx: Db): Transaction;
}

/** Creates a client. It does nothing until it is called, and keeps no timer and no promise after its calls. */
export function createClient(options: Options): Client;

export type Operation = Exclude<keyof Client, 'with'>;

export type ClientErrorCode =
  | ErrorCode
  | 'ERR_ABORTED'
  | 'ERR_ACCOUNT_INACTIVE'
  | 'ERR_DATABASE'
  | 'ERR_DRIFTED'
  | 'ERR_FORBIDDEN'
  | 'ERR_JWT_ID_USED'
  | 'ERR_NOT_INSTALLED'
  | 'ERR_NO_LIFETIME'
  | 'ERR_NO_SUCH_USER'
  | 'ERR_NO_TOKENS'
  | 'ERR_REFRESH_FAILED'
  | 'ERR_REFRESH_TIMEOUT'
  | 'ERR_REFUSED'
  | 'ERR_SERVER_KEYS'
  | 'ERR_SIGN_IN_AGAIN'
  | 'ERR_TEXT_TOO_LONG'
  | 'ERR_UNKNOWN_KEYS';

/** Describes the errors of the client: VetassistErrors with these properties. Of the driver's error they contain only the SQLSTATE. */
export interface ClientError extends Omit<VetassistError, 'code'> {
  readonly code: ClientErrorCode;
  /** True if nothing was stored and the same call may be made again. */
  readonly retryable?: boolean;
  readonly sqlstate?: string;
  readonly userId?: string;
  /** The time at which to call again. */
  readonly retryAt?: Date;
  /** The differences of `ERR_DRIFTED`. */
  readonly differences?: readonly SchemaDifference[];
}

/** Returns the address of a request by the given rule; undefined if the header is missing or has no address. */
export function clientAddress(
  headers: { get(name: string): string | null } | Readonly<Record<string, string | string[] | undefined>>,
  rule: 'cf-connecting-ip' | 'x-real-ip' | { forwardedFor: { trustedHops: number } } | { forwarded: { trustedHops: number } },
): string | undefined;
