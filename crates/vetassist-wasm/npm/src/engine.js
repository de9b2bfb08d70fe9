// The WebAssembly module: starting it, its staging buffer, and the handles of what lives in it.

import initAsync, { initSync as startSync } from '#glue';
import { MAX_BYTES, sizeOf } from './arguments.js';
import { error, failure, RING, tooLarge, unavailable } from './errors.js';

// What fits below is staged without asking; what is larger is given back after the call.
const FIRST_ROOM = 8 * 1024;
const KEPT_ROOM = 256 * 1024;
// The module's stack is the beginning of its memory, grows downwards, and is empty between calls. Ciphers
// leave keys and text there: near its end those that a call worked with, deeper those of a key that was made.
const STACK_END = 128 * 1024;
const STACK_OF_A_CALL = 2 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
// For what the module wrote itself: Deno decodes faster where nothing is to be refused.
const asciiDecoder = new TextDecoder();

/** The module's exports, once it runs. */
export let wasm;
/** All of its memory. */
export let memory = new Uint8Array(0);
/** Where the staging buffer begins. */
export let place = 0;
let room = 0;
let source;

/** Says where the module is to be had: its bytes or the compiled module, when it is first needed. */
export function provide(getModule) {
  source = getModule;
}

function started(exports) {
  wasm = exports;
  memory = new Uint8Array(wasm.memory.buffer);
}

/** The module's exports; starts it if need be. */
export function engine() {
  if (wasm === undefined) {
    if (source === undefined) {
      throw error('ERR_NOT_INITIALIZED', 'call init() or initSync() of vetassist/slim first');
    }
    initSync(source());
  }
  return wasm;
}

/** Starts the module from its bytes or from the compiled module. Once it runs, does nothing. */
export function initSync(module) {
  if (wasm !== undefined) return;
  try {
    started(startSync({ module }));
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
      const exports = await initAsync({ module_or_path: await module });
      if (wasm === undefined) started(exports);
    } catch (cause) {
      throw unavailable(cause);
    } finally {
      starting = undefined;
    }
  })();
  await starting;
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

/** All of the module's memory, after a call that may have made it grow. */
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

/** How many bytes data takes at most. */
export const mostBytes = (data) => (typeof data === 'string' ? 3 * data.length : sizeOf(data));

/** Stages data at this offset and returns how many bytes it took. There must be room. */
export function put(data, offset) {
  const start = place + offset;
  if (typeof data !== 'string') {
    memory.set(data, start);
    return sizeOf(data);
  }
  const { length } = data;
  // Short ASCII, the usual case, is faster by hand than through the encoder.
  if (length <= 48) {
    let i = 0;
    for (; i < length; i++) {
      const unit = data.charCodeAt(i);
      if (unit > 0x7f) break;
      memory[start + i] = unit;
    }
    if (i === length) return length;
  }
  return encoder.encodeInto(data, memory.subarray(start, start + 3 * length)).written;
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

/** A copy of what is staged from this offset on. */
export function take(offset, size) {
  try {
    return current().slice(place + offset, place + offset + size);
  } catch (cause) {
    throw tooLarge({ cause });
  }
}

/** The text that is staged as UTF-8 from this offset on. */
export function takeText(offset, size) {
  return decodeText(current().subarray(place + offset, place + offset + size));
}

/** The text of these bytes. */
export function decodeText(bytes) {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    // Not the decoder's error as the cause: some runtimes' errors quote the input.
    if (cause instanceof TypeError) throw error('ERR_NOT_UTF8', 'the opened bytes are not UTF-8 text');
    throw tooLarge();
  }
}

/** The ASCII that is staged at the beginning. For a hash, `String.fromCharCode` takes three times as long. */
export function takeAscii(size) {
  return asciiDecoder.decode(memory.subarray(place, place + size));
}

/** A result of the module, or the error that it stands for. */
export function checked(status) {
  if (status >= 0) return status;
  if (status !== RING) throw failure(status);
  const length = current().subarray(place, place + room).indexOf(0);
  const detail = takeAscii(length);
  clear(length);
  throw failure(status, detail);
}

/** Wipes what the handle names, and what making it left on the stack. */
export function release(handle) {
  wasm.release(handle);
  current().fill(0, 0, STACK_END);
}

const registry =
  typeof FinalizationRegistry === 'undefined' ? undefined : new FinalizationRegistry(release);

/** Sees to it that what the handle names is wiped when its owner is forgotten. */
export function own(owner, handle) {
  registry?.register(owner, handle, owner);
}

/** Wipes what the handle names, now. */
export function disown(owner, handle) {
  registry?.unregister(owner);
  release(handle);
}
