/// <reference lib="esnext.disposable" />

import type { AuthAudit, JsonValue, Session, User, VaToken } from './rows.js';

export type { AuthAudit, JsonValue, Session, User, VaToken } from './rows.js';

/** Holds what this package returns as bytes: a Uint8Array with an ArrayBuffer of its own. */
export type Bytes = ReturnType<Uint8Array['slice']>;

/**
 * Holds what this package takes as bytes: a Uint8Array (Node's Buffer is one) or an ArrayBuffer. They are copied
 * when the call is made. Anything else is refused, other typed arrays and DataView too: which of their bytes are
 * meant depends on the machine.
 */
export type BytesLike = Uint8Array | ArrayBuffer;

/** Holds a master key: an object, 32 bytes, or text of 64 hexadecimal digits. */
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
 * Tells what went wrong: the one class of errors that this package throws. The message never holds a byte of a key,
 * a token or a plaintext. `instanceof` also knows the errors of another copy of this package.
 */
export class VetassistError extends Error {
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown });
  readonly name: 'VetassistError';
  /** Tells which kind of error it is. */
  readonly code: ErrorCode;
  /** Of `ERR_SECRET_IN_METADATA`: where it stands, such as `event_data.users[0].password`. */
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
   * Makes a data key.
   *
   * @param bytes 32 bytes, which are copied. For hexadecimal text there is {@link MasterKey}; a CryptoKey must be
   * exported first.
   */
  constructor(bytes: BytesLike);

  /**
   * Seals bytes, or text as its UTF-8, under a fresh nonce.
   *
   * @param aad additional data, which is not in the sealed value and must be the same to open it.
   */
  seal(plaintext: BytesLike | string, aad?: BytesLike | string): Bytes;

  /** Opens what {@link seal} or any other AES-256-GCM with the nonce in front has sealed. */
  open(sealed: BytesLike, aad?: BytesLike | string): Bytes;

  /** Opens as {@link open} does, and returns text. A byte order mark is part of the text. */
  openText(sealed: BytesLike, aad?: BytesLike | string): string;

  /**
   * Seals as {@link seal} does, and returns the sealed value as text for a cookie or a header: base64url without
   * padding (RFC 4648, section 5).
   *
   * @param aad best the cookie's name, so that nobody moves the value to another cookie.
   */
  sealToText(plaintext: BytesLike | string, aad?: BytesLike | string): string;

  /**
   * Opens what {@link sealToText} returned, and returns text.
   *
   * @throws {VetassistError} `ERR_INVALID_SEALED_TEXT` for padding, blanks, other characters, or bits after the last
   * byte that are not zero.
   */
  openFromText(sealedText: string, aad?: BytesLike | string): string;

  /**
   * Seals as {@link seal} does, where there is no `node:crypto` by WebCrypto for large values, off the main thread.
   * Arguments are copied before it returns.
   */
  sealAsync(plaintext: BytesLike | string, aad?: BytesLike | string): Promise<Bytes>;

  /** Opens as {@link open} does, in the way of {@link sealAsync}. Rejects with the errors that `open` throws. */
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
   * Makes a master key.
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

  /** Returns a short name of the key, 16 hexadecimal digits, that is safe to print. */
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
   * Makes a ring of keys. For the text of a key file there is {@link KeyRing.parse}.
   *
   * @param keys 1 to 16 different master keys, newest first. They are copied: those given as objects may be freed.
   */
  constructor(keys: readonly MasterKeyLike[]);

  /**
   * Reads a key file: a key of 64 hexadecimal digits a line, newest first, with `#` before comments.
   *
   * @throws {VetassistError} `ERR_INVALID_KEY_RING`, with the number of the line and never its content.
   */
  static parse(text: BytesLike | string): KeyRing;

  /** Seals a token for a user under the current key, as SQL's `vetassist_encrypt_token` does. */
  encryptToken(token: string, userId: string): Bytes;

  /** Opens a user's token with whichever key of the ring sealed it, as SQL's `vetassist_decrypt_token` does. */
  decryptToken(sealed: BytesLike, userId: string): string;

  /** Opens a token in the same way, and says which key opened it: its position in the ring, from 0. */
  decryptToken(sealed: BytesLike, userId: string, options: { readonly withPosition: true }): { token: string; position: number };

  /** Returns the fingerprint of each key, the current one first. */
  fingerprints(): string[];

  /** Wipes the keys. The ring cannot be used any more; freeing it again does nothing. */
  free(): void;

  /** Wipes the keys as {@link free} does, for `using`. */
  [Symbol.dispose](): void;
}

/** Seals with a key that is needed once. Whoever has several values to seal makes a {@link Key}. */
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
 * Returns the one address of a request's client out of a header, or null: where the header is absent or malformed,
 * has fewer entries than `trustedHops`, or names no address there (`unknown`, a hidden name).
 *
 * @param value the value of `X-Forwarded-For`, `Forwarded` (RFC 7239), `CF-Connecting-IP`, `X-Real-IP` or the like.
 * Ports and brackets are left out.
 * @param options `trustedHops` says how many proxies that you trust stand before the service (1 if not given). Each adds
 * at the end whom it was called by, so the address is that many entries from the end; what stands before is anybody's
 * word. With 0 nobody is trusted, and the answer is null.
 */
export function addressOf(
  value: string | null | undefined,
  options?: { readonly trustedHops?: number | undefined },
): string | null;

/**
 * Returns the plain hash of an IP address: 64 hexadecimal digits. All spellings of one address have one hash, and an
 * IPv4-mapped IPv6 address has that of its IPv4 address.
 *
 * @param address the address of one host: no port, no zone, no prefix, no blanks, no list. {@link addressOf} finds it in
 * a header.
 */
export function hashIp(address: string): string;

/** Returns the hash of an IP address under a master key, or under the current key of a ring. */
export function hashIpKeyed(address: string, masterKey: MasterKeyLike | KeyRing): string;

/** Returns the keyed hash for a plain hash that is already stored. */
export function upgradeIpHash(plainHash: string, masterKey: MasterKeyLike | KeyRing): string;

/** Returns the fingerprint of a master key, or of the current key of a ring. */
export function fingerprint(masterKey: MasterKeyLike | KeyRing): string;

/** Describes one way in which a database differs from the four tables. */
export interface SchemaDifference {
  /** Names the table, column, key, index, sequence, trigger, rule or policy. */
  object: string;
  /** Says `missing`, `extra`, `duplicate`, or names the attribute that differs. */
  problem: string;
  /** Says what it should be, where it should be something. */
  expected: string | null;
  /** Says what it is, where it is something. */
  found: string | null;
}

/**
 * Reads what {@link checkSchema} compares, as SQL. Its one parameter, `$1`, is the name of the tables' schema; run
 * it in a transaction after `SET LOCAL search_path = pg_catalog`. It only reads the catalogs, which everybody may.
 */
export const schemaQuery: string;

/**
 * Compares a database with the four tables, as SQL's `vetassist_check_schema()` does, in a database that need not have
 * the extension. An empty result means that they agree.
 *
 * @param rows what {@link schemaQuery} returned: objects with `object`, `attribute` and `value`.
 * @throws {VetassistError} `ERR_INVALID_ROW`
 */
export function checkSchema(rows: readonly object[]): SchemaDifference[];

/**
 * Reads a row of `vetassist_users` from what a driver returned for `SELECT *`, whatever driver: timestamps as `Date` (to the
 * millisecond) or text, `bytea` as bytes or `\x…`, `bigint` as number, bigint or text. Other columns are left out.
 *
 * @throws {VetassistError} `ERR_INVALID_ROW`, which names the column and never quotes it. `infinity` is no `Date`.
 */
export function parseUser(row: object): User;

/** Reads a row of `vetassist_va_tokens`. Its tokens stay sealed. */
export function parseVaToken(row: object): VaToken;

/** Reads a row of `vetassist_sessions`. */
export function parseSession(row: object): Session;

/** Reads a row of `vetassist_auth_audit`. */
export function parseAuthAudit(row: object): AuthAudit;
