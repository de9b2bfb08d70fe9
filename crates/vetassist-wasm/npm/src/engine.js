// The WebAssembly module: starting it, its staging buffer, and the handles of what lives in it.

import { module as source } from '#modules';
import { MAX_BYTES, sizeOf } from './arguments.js';
import { compiled } from './compiled.js';
import { error, failure, RING, tooLarge, unavailable } from './errors.js';
import { decode, decodeAscii, encodeInto } from './utf8.js';

// What fits below is staged without asking; what is larger is given back after the call.
const FIRST_ROOM = 8 * 1024;
const KEPT_ROOM = 256 * 1024;
// The module's stack is the beginning of its memory, grows downwards, and is empty between calls. Ciphers
// leave keys and text there: near its end those that a call worked with, deeper those of a key that was made,
// deepest those of a ring.
const STACK_END = 128 * 1024;
const STACK_OF_A_CALL = 2 * 1024;
const STACK_OF_A_KEY = 16 * 1024;

/** The module's exports, once it runs. */
export let wasm;
/** All of its memory. */
export let memory;
/** Where the staging buffer begins. */
export let place = 0;
let room = 0;

const IMPORTS = {
  runtime: {
    // The module asks for randomness and is told 0, or 1 where there is none.
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

/** Returns the module's exports; starts it if need be. */
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

/** Starts the module from its bytes or from the compiled module. Once it runs, does nothing. */
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
  // What is served as something else does not compile while it arrives.
  if (found.headers.get('Content-Type')?.startsWith('application/wasm')) {
    return (await WebAssembly.instantiateStreaming(found, IMPORTS)).instance;
  }
  return (await WebAssembly.instantiate(await found.arrayBuffer(), IMPORTS)).instance;
}

/** Makes room in the staging buffer. What was in it is gone. */
export function reserve(size) {
  if (size > room) {
    if (size > MAX_BYTES) throw tooLarge();
    const wanted = Math.max(size, FIRST_ROOM);
    const found = wasm.stage(wanted) >>> 0;
    if (found === 0) throw tooLarge();
    place = found;
    room = wanted;
  }
  // Memory that grows gets a new buffer, and the old one is detached.
  if (memory.length === 0) memory = new Uint8Array(wasm.memory.buffer);
}

/** Returns all of the module's memory, after a call that may have made it grow. */
function current() {
  if (memory.length === 0) memory = new Uint8Array(wasm.memory.buffer);
  return memory;
}

/** Wipes the beginning of the staging buffer, and gives it back if it is large. Wipes what the call left on the
 * stack. */
export function clear(size) {
  current().fill(0, place, place + size);
  memory.fill(0, STACK_END - STACK_OF_A_CALL, STACK_END);
  if (room > KEPT_ROOM) {
    wasm.unstage();
    room = 0;
  }
}

/** Returns how many bytes data takes at most. */
export const mostBytes = (data) => (typeof data === 'string' ? 3 * data.length : sizeOf(data));

/** Stages data at this offset and returns how many bytes it took. There must be room. */
export function put(data, offset) {
  const start = place + offset;
  if (typeof data === 'string') return encodeInto(data, memory, start);
  memory.set(data, start);
  return sizeOf(data);
}

/** Stages text that the module reads as ASCII of at most (or exactly) this length, or fails with the
 * status. The module judges all the rest. */
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

/** Returns a copy of what is staged from this offset on. */
export function take(offset, size) {
  try {
    return current().slice(place + offset, place + offset + size);
  } catch (cause) {
    throw tooLarge({ cause });
  }
}

/** Returns the text that is staged as UTF-8 from this offset on. */
export const takeText = (offset, size) =>
  decode(current().subarray(place + offset, place + offset + size));

/** Returns the ASCII that is staged at the beginning. For a hash, `String.fromCharCode` takes three times
 * as long. */
export const takeAscii = (size) => decodeAscii(memory.subarray(place, place + size));

/** Returns a result of the module, or throws the error that it stands for. */
export function checked(status) {
  if (status >= 0) return status;
  if (status !== RING) throw failure(status);
  const length = current().subarray(place, place + room).indexOf(0);
  const detail = takeAscii(length);
  clear(length);
  throw failure(status, detail);
}

/** Reads the result of a call that worked in the staging buffer, and wipes the buffer. */
export function finish(status, staged, offset, read) {
  try {
    return read(offset, checked(status));
  } finally {
    clear(staged);
  }
}

/** Wipes what making a ring left on the stack. */
export function clearStack() {
  current().fill(0, 0, STACK_END);
}

/** Wipes what the handle names, and what making it left on the stack. */
export function release(handle) {
  wasm.release(handle);
  current().fill(0, STACK_END - STACK_OF_A_KEY, STACK_END);
}
