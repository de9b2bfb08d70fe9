/// <reference lib="esnext.disposable" />

import type { AuthAudit, JsonValue, Session, User, VaToken } from './rows.js';

export type { AuthAudit, JsonValue, Session, User, VaToken } from './rows.js';

/** The bytes that this package returns: a Uint8Array with an ArrayBuffer of its own. */
export type Bytes = ReturnType<Uint8Array['slice']>;

/**
 * The bytes that this package accepts: a Uint8Array (Node's Buffer is one) or an ArrayBuffer. Each call copies them
 * at its start. Other typed arrays and DataView are refused, because the order of their bytes depends on the
 * machine.
 */
export type BytesLike = Uint8Array | ArrayBuffer;

/** A master key: an object, 32 bytes, or text of 64 hexadecimal digits. */
export type MasterKeyLike = MasterKey | BytesLike | string;

/** Lists every value that {@link VetassistError.code} can have. */
export type ErrorCode =
  | 'ERR_DETACHED_BUFFER'
  | 'ERR_FREED'
  | 'ERR_INTERNAL'
  | 'ERR_INVALID_ADDRESS'
  | 'ERR_INVALID_ARG_TYPE'
  | 'ERR_INVALID_EVENT_TYPE'
  | 'ERR_INVALID_IP_HASH'
  | 'ERR_INVALID_KEY'
  | 'ERR_INVALID_KEY_RING'
  | 'ERR_INVALID_ROW'
  | 'ERR_INVALID_SEALED_TEXT'
  | 'ERR_INVALID_TEXT'
  | 'ERR_INVALID_THIS'
  | 'ERR_INVALID_USER_ID'
  | 'ERR_NOT_INITIALIZED'
  | 'ERR_NOT_UTF8'
  | 'ERR_NO_RANDOMNESS'
  | 'ERR_OPEN_FAILED'
  | 'ERR_SECRET_IN_METADATA'
  | 'ERR_SEALED_TOO_SHORT'
  | 'ERR_TOO_LARGE'
  | 'ERR_UNSUPPORTED_RUNTIME'
  | 'ERR_WASM_UNAVAILABLE';

/**
 * The class of all errors of this package. The message never holds a byte of a key, a token or a plaintext.
 * `instanceof` also accepts the errors of another copy of this package.
 */
export class VetassistError extends Error {
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown });
  readonly name: 'VetassistError';
  /** The kind of the error. */
  readonly code: ErrorCode;
  /** The place of the secret for `ERR_SECRET_IN_METADATA`, such as `event_data.users[0].password`. */
  readonly path?: string;
}

/** Draws a new key of 32 bytes, for a {@link Key} or a {@link MasterKey}. */
export function generateKey(): Bytes;

/**
 * Seals and opens with AES-256-GCM. A sealed value is nonce (12 bytes, random), ciphertext and tag (16 bytes).
 *
 * Seal at most 2^32 values with one key. Methods must be called on the object itself: taken from it, or through a
 * Proxy, they throw `ERR_INVALID_THIS`. The object cannot be cloned: structuredClone, postMessage and IndexedDB throw
 * a DataCloneError.
 */
export class Key {
  /**
   * Creates a data key.
   *
   * @param bytes 32 bytes, which are copied. {@link MasterKey} takes hexadecimal text. Export a CryptoKey first.
   */
  constructor(bytes: BytesLike);

  /**
   * Seals bytes, or text as its UTF-8, under a fresh nonce.
   *
   * @param aad additional authenticated data. It is not part of the sealed value, and the same AAD is needed to open it.
   */
  seal(plaintext: BytesLike | string, aad?: BytesLike | string): Bytes;

  /** Opens a value that {@link seal} or any other AES-256-GCM with the nonce in front has sealed. */
  open(sealed: BytesLike, aad?: BytesLike | string): Bytes;

  /** Opens as {@link open} does, and returns text. A byte order mark is part of the text. */
  openText(sealed: BytesLike, aad?: BytesLike | string): string;

  /**
   * Seals as {@link seal} does, and returns the sealed value as text for a cookie or a header: base64url without
   * padding (RFC 4648, section 5).
   *
   * @param aad use the cookie's name, so that the value cannot be moved to another cookie.
   */
  sealToText(plaintext: BytesLike | string, aad?: BytesLike | string): string;

  /**
   * Opens a value that {@link sealToText} returned, and returns text.
   *
   * @throws {VetassistError} `ERR_INVALID_SEALED_TEXT` for padding, blanks, other characters, or bits after the last
   * byte that are not zero.
   */
  openFromText(sealedText: string, aad?: BytesLike | string): string;

  /**
   * Seals as {@link seal} does. Without `node:crypto`, and in Deno, it seals large values with WebCrypto, off the main thread.
   * It copies the arguments before it returns.
   */
  sealAsync(plaintext: BytesLike | string, aad?: BytesLike | string): Promise<Bytes>;

  /** Opens as {@link open} does, with WebCrypto like {@link sealAsync}. Rejects with the errors that `open` throws. */
  openAsync(sealed: BytesLike, aad?: BytesLike | string): Promise<Bytes>;

  /** Wipes the key. It cannot be used any more; freeing it again does nothing. */
  free(): void;

  /** Wipes the key as {@link free} does, for `using`. */
  [Symbol.dispose](): void;
}

/**
 * Derives all other keys, and never seals anything itself.
 *
 * The object cannot be cloned: structuredClone, postMessage and IndexedDB throw a DataCloneError.
 */
export class MasterKey {
  /**
   * Creates a master key.
   *
   * @param key 32 bytes, or text of 64 hexadecimal digits of either case. It is copied.
   */
  constructor(key: BytesLike | string);

  /**
   * Derives the key that seals this user's tokens.
   *
   * @param userId a UUID in its hyphenated form of 36 characters, of either case.
   */
  deriveUserKey(userId: string): Key;

  /** Returns 16 hexadecimal digits that identify the key and are safe to print. */
  fingerprint(): string;

  /** Wipes the key. It cannot be used any more; freeing it again does nothing. */
  free(): void;

  /** Wipes the key as {@link free} does, for `using`. */
  [Symbol.dispose](): void;
}

/**
 * Holds up to 16 master keys, newest first: the first seals, all of them open.
 *
 * The object cannot be cloned: structuredClone, postMessage and IndexedDB throw a DataCloneError.
 */
export class KeyRing {
  /**
   * Creates a ring of keys. {@link KeyRing.parse} reads the text of a key file.
   *
   * @param keys 1 to 16 different master keys, newest first. They are copied, so objects may be freed afterwards.
   */
  constructor(keys: readonly MasterKeyLike[]);

  /**
   * Reads a key file: one key of 64 hexadecimal digits on each line, newest first, with `#` before comments.
   *
   * @throws {VetassistError} `ERR_INVALID_KEY_RING`, with the number of the line and never its content.
   */
  static parse(text: BytesLike | string): KeyRing;

  /** Seals a token for a user under the current key, as SQL's `vetassist_encrypt_token` does. */
  encryptToken(token: string, userId: string): Bytes;

  /** Opens a user's token with the key of the ring that sealed it, as SQL's `vetassist_decrypt_token` does. */
  decryptToken(sealed: BytesLike, userId: string): string;

  /** Opens a token in the same way, and also returns the position in the ring, from 0, of the key that opened it. */
  decryptToken(sealed: BytesLike, userId: string, options: { readonly withPosition: true }): { token: string; position: number };

  /** Returns the fingerprint of each key, the current one first. */
  fingerprints(): string[];

  /** Wipes the keys. The ring cannot be used any more; freeing it again does nothing. */
  free(): void;

  /** Wipes the keys as {@link free} does, for `using`. */
  [Symbol.dispose](): void;
}

/** Seals with a key that is needed once. For several values, create a {@link Key}. */
export function encrypt(
  plaintext: BytesLike | string,
  key: Key | BytesLike,
  aad?: BytesLike | string,
): Bytes;

/** Opens with a key that is needed once. */
export function decrypt(
  sealed: BytesLike,
  key: Key | BytesLike,
  aad?: BytesLike | string,
): Bytes;

/** Opens as {@link decrypt} does, and returns text. */
export function decryptText(
  sealed: BytesLike,
  key: Key | BytesLike,
  aad?: BytesLike | string,
): string;

/**
 * Returns the address of a request's client from a header. Returns null if the header is missing or malformed, has
 * fewer entries than `trustedHops`, or has no address there (`unknown`, a hidden name).
 *
 * @param value the value of `X-Forwarded-For`, `Forwarded` (RFC 7239), `CF-Connecting-IP`, `X-Real-IP` or the like.
 * Ports and brackets are left out.
 * @param options `trustedHops` is the number of proxies before the service that you trust, by default 1. Each proxy
 * appends the address of its caller, so the address is that many entries from the end. The client can forge everything
 * before it. With 0 no proxy is trusted, and the result is null.
 */
export function addressOf(
  value: string | null | undefined,
  options?: { readonly trustedHops?: number | undefined },
): string | null;

/**
 * Returns the plain hash of an IP address: 64 hexadecimal digits. All spellings of an address have the same hash, and an
 * IPv4-mapped IPv6 address has the hash of its IPv4 address.
 *
 * @param address the address of one host: no port, no zone, no prefix, no blanks, no list. {@link addressOf} finds it in
 * a header.
 */
export function hashIp(address: string): string;

/** Returns the hash of an IP address under a master key, or under the current key of a ring. */
export function hashIpKeyed(address: string, masterKey: MasterKeyLike | KeyRing): string;

/** Returns the keyed hash for a stored plain hash. */
export function upgradeIpHash(plainHash: string, masterKey: MasterKeyLike | KeyRing): string;

/** Returns the fingerprint of a master key, or of the current key of a ring. */
export function fingerprint(masterKey: MasterKeyLike | KeyRing): string;

/** A difference between a database and the description of the tables. */
export interface SchemaDifference {
  /** The name of the table, column, key, index, sequence, trigger, rule or policy. */
  object: string;
  /** `missing`, `extra`, `duplicate`, or the attribute that differs. */
  problem: string;
  /** The expected value, if there is one. */
  expected: string | null;
  /** The value that was found, if there is one. */
  found: string | null;
}

/**
 * The query whose rows {@link checkSchema} compares. Its only parameter, `$1`, is the name of the tables' schema. Run
 * it in a transaction after `SET LOCAL search_path = pg_catalog` and `SET LOCAL quote_all_identifiers = off`. It only
 * reads the catalogs, so any role may run it.
 */
export const schemaQuery: string;

/**
 * Compares a database with the description of the tables, as SQL's `vetassist_check_schema()` does. The database need
 * not have the extension. Returns an empty list if they agree.
 *
 * @param rows the rows of {@link schemaQuery}: objects with `object`, `attribute` and `value`.
 * @throws {VetassistError} `ERR_INVALID_ROW`
 */
export function checkSchema(rows: readonly object[]): SchemaDifference[];

/**
 * Reads a row of `vetassist_users` that any driver returned for `SELECT *`: timestamps as `Date` (to the millisecond) or
 * text, `bytea` as bytes or `\x…`, `bigint` as number, bigint or text. Other columns are left out.
 *
 * @throws {VetassistError} `ERR_INVALID_ROW`, which names the column and never quotes it. `infinity` is malformed,
 * because no `Date` can represent it.
 */
export function parseUser(row: object): User;

/** Reads a row of `vetassist_va_tokens`. Its tokens stay sealed. */
export function parseVaToken(row: object): VaToken;

/** Reads a row of `vetassist_sessions`. */
export function parseSession(row: object): Session;

/** Reads a row of `vetassist_auth_audit`. */
export function parseAuthAudit(row: object): AuthAudit;
