import type { ErrorCode, JsonValue, KeyRing, SchemaDifference, VetassistError } from './index.js';

/** Lists what a parameter of a statement can be. All are cast in the statement, so drivers cannot differ. */
export type Param = string | number | boolean | null;

/** Carries out one statement: all that a driver must do. Rows are objects, with their columns in order. */
export interface Db {
  query(text: string, params: readonly Param[], options?: { signal?: AbortSignal }): Promise<readonly object[]>;
}

/** Describes node-postgres's Pool, Client and PoolClient, as far as they are used. */
export interface PgLike {
  query(text: string, values: any[]): Promise<{ rows: object[] }>;
}

/** Describes postgres.js's `sql`, as far as it is used. */
export interface PostgresLike {
  unsafe(text: string, values: any[]): PromiseLike<readonly object[]>;
}

/** Describes PGlite and its transactions, as far as they are used. */
export interface PgliteLike {
  query(text: string, values?: any[]): Promise<{ rows: any[] }>;
}

/** Describes what `neon()` of Neon's HTTP driver returns, as far as it is used. */
export interface NeonLike {
  query(text: string, values?: any[]): Promise<readonly object[] | { rows: readonly object[] }>;
}

/** Makes a Db of node-postgres: a pool, or a client, also one in a transaction. */
export function fromPg(pool: PgLike): Db;

/** Makes a Db of postgres.js: what `postgres()` returns, or the `sql` in its `begin`. */
export function fromPostgres(sql: PostgresLike): Db;

/** Makes a Db of PGlite, or of its transaction. */
export function fromPglite(db: PgliteLike): Db;

/** Makes a Db of what `neon()` returns. */
export function fromNeon(sql: NeonLike): Db;

/** Describes what a token endpoint answers; the objects of openid-client and oauth4webapi fit as they are. */
export interface TokenResponse {
  readonly access_token: string;
  readonly refresh_token?: string | undefined;
  readonly token_type?: string | undefined;
  readonly scope?: string | undefined;
  readonly expires_in?: number | string | undefined;
}

/** Exchanges a refresh token. What it throws with `error: 'invalid_grant'` is final; anything else is tried again later. */
export type Refresh = (refreshToken: string, context: { userId: string; signal: AbortSignal }) => Promise<TokenResponse>;

export interface Options {
  db: Db;
  /** Seals here. Without it the server seals, and the rest of the service's code is the same. */
  ring?: KeyRing | undefined;
  /** Exchanges refresh tokens at the provider. */
  refresh?: Refresh | undefined;
  /** Names the schema of vetassist's objects: `public` if not given. No search_path is relied on. */
  schema?: string | undefined;
  /** Says how addresses are hashed here: `keyed` if not given. */
  ipHash?: 'keyed' | 'sha256' | undefined;
  /** Says what a malformed address does: `drop` (if not given) leaves it out and reports it. */
  onBadAddress?: 'drop' | 'throw' | undefined;
  /** Bounds one exchange: 10,000 if not given. The lease lasts three times as long. */
  refreshTimeoutMs?: number | undefined;
  /** Counts where a token endpoint gives no `expires_in`. */
  defaultLifetimeSeconds?: number | undefined;
  /** Carries an exchange past the request that began it: a Worker's `ctx.waitUntil`, Next's `after`. */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /** Is told what happens: never a token, an address, an ICN or a parameter. */
  onEvent?: ((event: ClientEvent) => void) | undefined;
}

export type ClientEvent =
  | { type: 'statement'; name: Operation; ms: number; rows: number; attempt: number; sqlstate?: string }
  | { type: 'refresh'; userId: string; outcome: 'stored' | 'discarded' | 'rejected' | 'failed' | 'uncertain'; ms: number }
  | { type: 'bad_address'; operation: Operation }
  | { type: 'rotation'; seen: number; resealed: number; unopened: number };

/** Ends the waiting, and never an exchange that is under way. */
export interface Call {
  signal?: AbortSignal | undefined;
}

/** Names the address of a request. One that is malformed is left out and reported, unless `onBadAddress` is `throw`. */
export interface From {
  ip?: string | null | undefined;
}

/** Names whose account it is, as the identity provider says it. What is missing or null leaves what is stored. */
export interface Profile {
  veteranStatus?: string | null | undefined;
  email?: string | null | undefined;
  firstName?: string | null | undefined;
  lastName?: string | null | undefined;
}

export interface NewSession {
  expiresInSeconds: number;
  /** The `jti` of the JWT; a fresh one if not given. */
  jwtId?: string | undefined;
  /** Its addresses are hashed. */
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

/** Holds tokens that were given up, to be revoked at the provider. Null is one that was not there, or that no key opens. */
export interface GivenUp {
  accessToken: string | null;
  refreshToken: string | null;
}

export interface RefreshOptions extends Call {
  /** Stands for the client's own. */
  refresh?: Refresh | undefined;
  /** Bounds the waiting for another caller's exchange: 10,000 if not given. */
  waitMs?: number | undefined;
}

export interface RotationStep {
  /** Says where to go on; null where nothing is left. */
  after: string | null;
  seen: number;
  resealed: number;
  /** The number of rows to be visited again, because they are locked or have changed. */
  held: number;
  /** Names at most 100 users with a token that no key of the ring opens. */
  unopened: string[];
}

/** Holds the operations that take one statement, or few, and exchange nothing: also in a transaction. */
export interface Transaction {
  /**
   * Signs in: the account, both tokens, the session and the event, all or nothing. The refusal of an inactive account is in
   * the audit trail as `login_refused` when it throws, unless this is a transaction of the caller's.
   */
  signIn(input: SignIn): Promise<SignedIn>;
  /** Returns the session of a JWT with its account; null where it expired, was revoked, or the account is not active. */
  session(jwtId: string, call?: Call): Promise<ActiveSession | null>;
  sessions(userId: string, call?: Call): Promise<SessionInfo[]>;
  /** Makes another session of a user who is known. */
  newSession(userId: string, session: NewSession & From): Promise<{ sessionId: string; jwtId: string; expiresAt: Date }>;
  /** Lets a session end that many seconds from now. Never one that has ended; and none ends sooner for it. */
  extendSession(jwtId: string, userId: string, options: { expiresInSeconds: number }): Promise<boolean>;
  endSession(which: { sessionId: string } | { jwtId: string }, userId: string): Promise<boolean>;
  /** Ends all sessions of a user, or all but one, and returns how many. */
  endSessions(userId: string, options?: { exceptJwtId?: string | undefined }): Promise<number>;
  purgeSessions(options?: { olderThanDays?: number | undefined; max?: number | undefined }): Promise<number>;
  user(userId: string, call?: Call): Promise<Account | null>;
  /** Returns whether anything changed. */
  updateUser(userId: string, profile: Profile): Promise<boolean>;
  /** Activates an account, or deactivates it and ends its sessions. Takes the tier admin. */
  setActive(userId: string, isActive: boolean, options?: { reason?: string | undefined }): Promise<boolean>;
  /** Gives up the tokens and erases the account in one statement. Revoke the tokens at the provider. */
  eraseUser(userId: string): Promise<{ erased: boolean; tokens: GivenUp | null }>;
  storeTokens(userId: string, tokens: TokenResponse): Promise<void>;
  tokenStatus(userId: string, call?: Call): Promise<TokenStatus>;
  /** Deletes a user's tokens and returns them, to be revoked at the provider; null where there are none. */
  disconnect(userId: string): Promise<GivenUp | null>;
  /** Logs an event of the service's own, and returns its id. */
  logEvent(type: string, event?: From & { userId?: string | undefined; data?: JsonValue | undefined }): Promise<string>;
}

export interface Client extends Transaction {
  /**
   * Refuses (`ERR_DRIFTED`, with all `differences`) a database that differs from what this package expects, a role that lacks
   * a right, and rights of roles that nobody named.
   */
  check(options?: Call & { allowRoles?: readonly string[] | undefined }): Promise<void>;
  /** Returns an access token that is good for `minValidMs` (60,000), refreshed if need be; the old one while another caller refreshes. */
  accessToken(userId: string, options?: RefreshOptions & { minValidMs?: number | undefined }): Promise<{ token: string; expiresAt: Date }>;
  /** Makes a request; on status 401 refreshes that very token, once, and makes it again. */
  withToken<T extends { status: number }>(userId: string, request: (token: string) => Promise<T>, options?: RefreshOptions): Promise<T>;
  /** Refreshes what ends soon. Call it again while there is `more`. */
  refreshExpiring(
    options?: Call & {
      withinMs?: number | undefined;
      max?: number | undefined;
      concurrency?: number | undefined;
      refresh?: Refresh | undefined;
    },
  ): Promise<{ stored: number; rejected: string[]; failed: { userId: string; error: unknown }[]; more: boolean }>;
  /** Seals every token under the ring's current key: to the end, or one bounded step. Takes the tier admin. */
  rotateTokens(
    options?: Call & {
      after?: string | null | undefined;
      maxRows?: number | undefined;
      maxMs?: number | undefined;
      onProgress?: ((progress: { seen: number; resealed: number; unopened: number }) => void) | undefined;
    },
  ): Promise<RotationStep>;
  /** Counts the sealed values of each key; of the last row, without a fingerprint, those that no key opens. */
  rotationStatus(
    call?: Call,
  ): Promise<{ fingerprint: string | null; isCurrent: boolean | null; sealedValues: number; userIds: string[] | null }[]>;
  /** Makes the same in a transaction of the caller's, without what exchanges: a rollback would lose the answer. */
  with(tx: Db): Transaction;
}

/** Makes a client. It does nothing until it is called, and keeps no timer and no promise when its calls have ended. */
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

/** Describes what the client throws: VetassistErrors with these properties. Nothing of the driver's error is in them. */
export interface ClientError extends Omit<VetassistError, 'code'> {
  readonly code: ClientErrorCode;
  /** True where nothing was stored, and the same call may be made again. */
  readonly retryable?: boolean;
  readonly sqlstate?: string;
  readonly userId?: string;
  /** Says when it is worth while to ask again. */
  readonly retryAt?: Date;
  /** Of `ERR_DRIFTED`. */
  readonly differences?: readonly SchemaDifference[];
}

/** Returns the address of a request by a rule that the caller names; undefined where the header is absent or is none. */
export function clientAddress(
  headers: { get(name: string): string | null } | Readonly<Record<string, string | string[] | undefined>>,
  rule: 'cf-connecting-ip' | 'x-real-ip' | { forwardedFor: { trustedHops: number } } | { forwarded: { trustedHops: number } },
): string | undefined;
