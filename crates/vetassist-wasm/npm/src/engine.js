// Starts the WebAssembly module, and manages its staging buffer and the handles of its values.

import { module as source } from '#modules';
import { MAX_BYTES, sizeOf } from './arguments.js';
import { compiled } from './compiled.js';
import { error, failure, INTERRUPTED, RING, tooLarge, unavailable } from './errors.js';
import { decode, decodeAscii, encodeInto } from './utf8.js';

// Values up to this size are staged without a call; a larger staging buffer is freed after the call.
const FIRST_ROOM = 8 * 1024;
const KEPT_ROOM = 256 * 1024;
// The module's stack is the beginning of its memory, grows downwards, and is empty between calls. Ciphers
// leave keys and text there: calls near its end, and the creation of a ring deeper. `tests/packaging/wipe` checks how deep.
const STACK_END = 128 * 1024;
const STACK_OF_A_CALL = 2560;
const STACK_OF_A_RING = 32 * 1024;

/** The module's exports, after it was started. */
export let wasm;
/** All of its memory. */
export let memory;
/** The beginning of the staging buffer. */
export let place = 0;
let room = 0;

const IMPORTS = {
  runtime: {
    // Fills memory of the module with random bytes. Returns 0, or 1 if the runtime gives none.
    random(start, size) {
      try {
        globalThis.crypto.getRandomValues(new Uint8Array(wasm.memory.buffer, start >>> 0, size));
        return 0;
      } catch {
        return 1;
      }
    },
  },
};

function started({ exports }) {
  wasm = exports;
  memory = new Uint8Array(wasm.memory.buffer);
}

/** Returns the module's exports. Starts the module if it is not running. */
export function engine() {
  if (wasm === undefined) {
    const found = source?.();
    if (found === undefined) {
      throw error('ERR_NOT_INITIALIZED', 'call init() or initSync() of vetassist/slim first');
    }
    initSync(found);
  }
  return wasm;
}

/** Starts the module from its bytes or from the compiled module. Does nothing if it is running. */
export function initSync(module) {
  if (wasm !== undefined) return;
  try {
    started(new WebAssembly.Instance(compiled(module), IMPORTS));
  } catch (cause) {
    throw unavailable(cause);
  }
}

let starting;

/** Starts the module from its bytes, the compiled module, or the response to a request for it. */
export async function init(module) {
  if (wasm !== undefined) return;
  starting ??= (async () => {
    try {
      const instance = await instantiated(await module);
      if (wasm === undefined) started(instance);
    } catch (cause) {
      throw unavailable(cause);
    } finally {
      starting = undefined;
    }
  })();
  await starting;
}

async function instantiated(found) {
  if (typeof found?.arrayBuffer !== 'function') {
    const made = await WebAssembly.instantiate(found, IMPORTS);
    return made.instance ?? made;
  }
  if (!found.ok) throw new Error(`the response to the request for the module is ${found.status}`);
  // Only a response with this content type can be compiled while it is being downloaded.
  if (found.headers.get('Content-Type')?.startsWith('application/wasm')) {
    return (await WebAssembly.instantiateStreaming(found, IMPORTS)).instance;
  }
  return (await WebAssembly.instantiate(await found.arrayBuffer(), IMPORTS)).instance;
}

/** Makes room in the staging buffer. Its content is lost. */
export function reserve(size) {
  if (size > room) {
    if (size > MAX_BYTES) throw tooLarge();
    const wanted = Math.max(size, FIRST_ROOM);
    const found = wasm.stage(wanted) >>> 0;
    if (found === 0) throw wasm.master_count(0) === INTERRUPTED ? failure(INTERRUPTED) : tooLarge();
    place = found;
    room = wanted;
  }
  // When the memory grows, it gets a new buffer, and the old one is detached.
  if (memory.length === 0) memory = new Uint8Array(wasm.memory.buffer);
}

/** Returns all of the module's memory, after a call that may have made it grow. */
export function current() {
  if (memory.length === 0) memory = new Uint8Array(wasm.memory.buffer);
  return memory;
}

/** Wipes the beginning of the staging buffer, and frees the buffer if it is large. Wipes the stack of the
 * call. */
export function clear(size) {
  // A buffer that was freed before is not written to, because it belongs to the allocator.
  current().fill(0, place, place + Math.min(size, room));
  memory.fill(0, STACK_END - STACK_OF_A_CALL, STACK_END);
  if (room > KEPT_ROOM) {
    wasm.unstage();
    room = 0;
  }
}

/** Returns the most bytes that data can take. */
export const mostBytes = (data) => (typeof data === 'string' ? 3 * data.length : sizeOf(data));

/** Stages data at this offset and returns its number of bytes. There must be room. */
export function put(data, offset) {
  const start = place + offset;
  if (typeof data === 'string') return encodeInto(data, memory, start);
  memory.set(data, start);
  return sizeOf(data);
}

/** Stages text that the module reads as ASCII of at most (or exactly) this length, or throws the error of the
 * status. The module checks everything else. */
export function putAscii(text, most, exact, status) {
  const { length } = text;
  if (length > most || (exact && length < most)) throw failure(status);
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) throw failure(status);
    memory[place + i] = unit;
  }
  return length;
}

/** Returns a copy of staged bytes from this offset on. */
export function take(offset, size) {
  try {
    return current().slice(place + offset, place + offset + size);
  } catch (cause) {
    throw tooLarge({ cause });
  }
}

/** Returns the staged UTF-8 from this offset on, as text. */
export const takeText = (offset, size) =>
  decode(current().subarray(place + offset, place + offset + size));

/** Returns the staged ASCII at the beginning. For a hash, `String.fromCharCode` takes three times as
 * long. */
export const takeAscii = (size) => decodeAscii(memory.subarray(place, place + size));

/** Returns a result of the module, or throws the error of a negative one. */
export function checked(status) {
  if (status >= 0) return status;
  if (status !== RING) throw failure(status);
  const length = current().subarray(place, place + room).indexOf(0);
  const detail = takeAscii(length);
  clear(length);
  throw failure(status, detail);
}

/** Reads the result of a call from the staging buffer, and wipes the buffer. */
export function finish(status, staged, offset, read) {
  try {
    return read(offset, checked(status));
  } finally {
    clear(staged);
  }
}

/** Wipes the part of the stack that the creation of a ring uses. */
export function clearStack() {
  current().fill(0, STACK_END - STACK_OF_A_RING, STACK_END);
}

/** Wipes the value that the handle names, and the part of the stack that its creation used. */
export function release(handle) {
  wasm.release(handle);
  current().fill(0, STACK_END - STACK_OF_A_CALL, STACK_END);
}
