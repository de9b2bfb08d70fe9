// The exports of vetassist/metadata: the core's rules for the metadata of events and the description of devices, in a module of
// its own that starts at its first call. Keys stay in the other module: this one returns the addresses, and gets their hashes.

import { metadata as source } from '#modules';
import { asString, typeError } from './arguments.js';
import { compiled } from './compiled.js';
import { error, unavailable } from './errors.js';
import { hashIp, hashIpKeyed } from './ip_hash.js';
import { decode, encode } from './utf8.js';

const FAILURES = {
  '-2': ['ERR_TOO_LARGE', 'is longer than 64 KiB as JSON'],
  '-3': ['ERR_TOO_LARGE', 'is nested more than 64 levels deep'],
  '-4': ['ERR_INVALID_ARG_TYPE', 'cannot be written as JSON'],
};

let running;

/** Starts the module from its bytes or from the compiled module. Does nothing if it is running. */
export function startMetadata(module) {
  if (running !== undefined) return;
  try {
    running = new WebAssembly.Instance(compiled(module)).exports;
  } catch (cause) {
    throw unavailable(cause);
  }
}

/** Calls the module with fields, and returns its result. `what` is the name of the argument in the first field. */
function ask(call, what, ...fields) {
  if (running === undefined) {
    const found = source?.();
    if (found === undefined) {
      throw error('ERR_NOT_INITIALIZED', 'give metadata.wasm to init() or initSync() of vetassist/slim too');
    }
    startMetadata(found);
  }
  const bytes = encode(fields.join('\0'));
  const start = running.stage(bytes.length) >>> 0;
  new Uint8Array(running.memory.buffer).set(bytes, start);
  const length = running[call]();
  if (length < 0) {
    const [code, says] = FAILURES[length] ?? ['ERR_INTERNAL', 'could not be read by the module'];
    throw error(code, `${what} ${says}`);
  }
  return decode(new Uint8Array(running.memory.buffer, running.place() >>> 0, length));
}

/** Returns a value as JSON text. */
function written(value, what) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch {
    // The value has a bigint, a circle, or a toJSON that throws.
  }
  if (text === undefined) throw typeError(what, 'a value that JSON can hold', value);
  return text;
}

export function hashDevice(device, masterKey) {
  const text = written(device, 'device');
  const addresses = ask('addresses', 'device', text).split('\0').slice(0, -1);
  if (addresses.length === 0) {
    // The module drops a member that has the name of an address and is not one.
    return JSON.parse(ask('put_hashes', 'device', text));
  }
  const hash = masterKey === undefined ? hashIp : (address) => hashIpKeyed(address, masterKey);
  return JSON.parse(ask('put_hashes', 'device', text, ...addresses.map(hash)));
}

/** Returns the error for a value that looks like a secret. */
function secret(path, message) {
  const refused = error('ERR_SECRET_IN_METADATA', message);
  refused.path = path;
  return refused;
}

export function checkEventData(eventData) {
  const [path, message] = ask('check_event_data', 'event data', written(eventData, 'event data')).split('\0');
  if (message !== undefined) throw secret(path, message);
}

export function checkEventType(eventType) {
  const text = asString(eventType, 'event type');
  // PostgreSQL accepts no NUL in the type of an event, and the module uses it as a separator.
  const message = ask('check_type', 'event type', text.replaceAll('\0', ' '));
  if (message !== '') throw error('ERR_INVALID_EVENT_TYPE', message);
}
