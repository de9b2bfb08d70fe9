import type { JsonValue, KeyRing, MasterKeyLike } from './index.js';

/**
 * Replaces the addresses in a device's description by hashes, by the rules of SQL. An address is recognised by its value,
 * in any member. A member that has the name of an address and is not one is dropped.
 *
 * @param masterKey a key or ring for keyed hashes. Without it the hashes are plain.
 * @throws {VetassistError} `ERR_TOO_LARGE` past 64 KiB or 64 levels.
 */
export function hashDevice(device: JsonValue, masterKey?: MasterKeyLike | KeyRing): JsonValue;

/**
 * Refuses metadata that contains something that looks like a secret, by the rules of SQL's `vetassist_log_event`.
 *
 * @throws {VetassistError} `ERR_SECRET_IN_METADATA`; its `path` says where. The error does not quote the value.
 */
export function checkEventData(eventData: JsonValue): void;

/** Refuses the type of an event that is blank, too long, reserved, or looks like a secret. */
export function checkEventType(eventType: string): void;
