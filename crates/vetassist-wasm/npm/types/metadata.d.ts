import type { JsonValue, KeyRing, MasterKeyLike } from './index.js';

/**
 * Puts hashes in the place of the addresses in a device's description, by the rules of SQL. An address is known by its value,
 * in any member; what is called an address and is none is dropped.
 *
 * @param masterKey a key or ring for keyed hashes; plain ones without it.
 * @throws {VetassistError} `ERR_TOO_LARGE` past 64 KiB or 64 levels.
 */
export function hashDevice(device: JsonValue, masterKey?: MasterKeyLike | KeyRing): JsonValue;

/**
 * Refuses metadata that holds what looks like a secret, by the rules of SQL's `vetassist_log_event`.
 *
 * @throws {VetassistError} `ERR_SECRET_IN_METADATA`; its `path` says where, and nothing says what.
 */
export function checkEventData(eventData: JsonValue): void;

/** Refuses the type of an event that is blank, too long, kept for the library, or looks like a secret. */
export function checkEventType(eventType: string): void;
