// Text to UTF-8 and back. The encoders are created when they are first needed, so that in a runtime without
// them a call throws and not the import.

import { builtin } from './builtin.js';
import { error, tooLarge } from './errors.js';

// Short ASCII, the usual case, is faster in a loop than with an encoder.
const SHORT = 48;

function found(name) {
  // jsdom has no encoders. Under Jest those of Node are used.
  const known = globalThis[name] ?? builtin('node:util')?.[name];
  if (known === undefined) throw error('ERR_UNSUPPORTED_RUNTIME', `this runtime has no ${name}`);
  return known;
}

let knownEncoder;
let knownDecoder;
let knownAsciiDecoder;

const encoder = () => (knownEncoder ??= new (found('TextEncoder'))());

/** Writes short ASCII to memory, and returns whether the text is that. */
function writeAscii(text, memory, start) {
  const { length } = text;
  if (length > SHORT) return false;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return false;
    memory[start + i] = unit;
  }
  return true;
}

/** Returns the UTF-8 of well-formed text. */
export function encode(text) {
  if (text.length <= SHORT) {
    const short = new Uint8Array(text.length);
    if (writeAscii(text, short, 0)) return short;
    short.fill(0);
  }
  const bytes = encoder().encode(text);
  // An encoder of another realm, as under Jest, returns arrays of that realm.
  return bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
}

/** Writes the UTF-8 of text to memory, which must have room, and returns its length. */
export function encodeInto(text, memory, start) {
  const { length } = text;
  if (writeAscii(text, memory, start)) return length;
  return encoder().encodeInto(text, memory.subarray(start, start + 3 * length)).written;
}

/** Returns the text of these bytes. */
export function decode(bytes) {
  knownDecoder ??= new (found('TextDecoder'))('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return knownDecoder.decode(bytes);
  } catch (cause) {
    // The decoder's error is not the cause, because in some runtimes it quotes the input.
    if (cause?.name === 'TypeError') throw error('ERR_NOT_UTF8', 'the opened bytes are not UTF-8 text');
    throw tooLarge();
  }
}

/** Returns the text of bytes that are ASCII. Deno decodes faster if no input has to be refused. */
export function decodeAscii(bytes) {
  knownAsciiDecoder ??= new (found('TextDecoder'))();
  return knownAsciiDecoder.decode(bytes);
}
