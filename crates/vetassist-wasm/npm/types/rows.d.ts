// Written from crates/vetassist-core/src/rows.rs by a test of tests/server: do not edit.
//
// A row is an object as node-postgres and postgres.js return it, with a property for each column. The timestamps
// `infinity` and `-infinity` cannot be dates: node-postgres returns them as numbers, postgres.js as an invalid Date.

/** A value that `JSON.parse` returns. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue };

/** A row of `vetassist_users`: an account. */
export interface User {
  /** Identifies the account in this database. */
  id: string;
  /** Integration Control Number, which identifies the veteran to VA; unique. NULL after an erasure. */
  va_icn: string | null;
  /** The veteran's status as VA stated it. */
  va_veteran_status: string | null;
  /** E-mail address. */
  email: string | null;
  /** First name. */
  first_name: string | null;
  /** Last name. */
  last_name: string | null;
  /** True if the account may be used. NULL counts as false. */
  is_active: boolean | null;
  /** When the account was created. */
  created_at: Date | null;
  /** When the profile last changed. */
  updated_at: Date | null;
  /** The time of the last sign-in. */
  last_login_at: Date | null;
}

/** A row of `vetassist_va_tokens`: one user's sealed tokens. */
export interface VaToken {
  /** Identifies the row. */
  id: string;
  /** The user of the tokens; unique. */
  user_id: string;
  /** The access token. Nonce, ciphertext and tag. */
  access_token_encrypted: Uint8Array;
  /** The refresh token, if VA.gov issued one. Nonce, ciphertext and tag. */
  refresh_token_encrypted: Uint8Array | null;
  /** `Bearer`. */
  token_type: string | null;
  /** The scopes of the tokens, separated by blanks. */
  scope: string | null;
  /** When the access token expires. */
  expires_at: Date;
  /** When the row was created. */
  created_at: Date | null;
  /** When the tokens were last replaced. */
  refreshed_at: Date | null;
}

/** A row of `vetassist_sessions`. */
export interface Session {
  /** Identifies the session. */
  id: string;
  /** The user of the session. */
  user_id: string;
  /** The `jti` claim of its JSON Web Token; unique. */
  jwt_id: string;
  /** A description of the device; addresses in it are hashed. */
  device_info: JsonValue | null;
  /** When the session began. */
  created_at: Date | null;
  /** When the session expires. */
  expires_at: Date;
  /** When the session was revoked. */
  revoked_at: Date | null;
}

/** A row of `vetassist_auth_audit`. */
export interface AuthAudit {
  /** The number of the event; gaps are normal. Digits: drivers return a bigint as a string, because not every one is a number. */
  id: string;
  /** The user whom the event is about. */
  user_id: string | null;
  /** The type of the event. */
  event_type: string;
  /** Metadata, which contains no secrets. */
  event_data: JsonValue | null;
  /** The hash of the client's address. */
  ip_hash: string | null;
  /** The time of the event. */
  created_at: Date | null;
}
