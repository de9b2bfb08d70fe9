// Sealed values as text for cookies and headers: base64url without padding, RFC 4648 section 5.

import { error } from './errors.js';
import { decodeAscii } from './utf8.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const BITS = 6;

let codes;
let values;

function tables() {
  codes = Uint8Array.from(ALPHABET, (letter) => letter.charCodeAt(0));
  values = new Uint8Array(128).fill(255);
  codes.forEach((code, value) => {
    values[code] = value;
  });
}

/** Returns the text of these bytes. */
export function encodeText(bytes) {
  if (codes === undefined) tables();
  const text = new Uint8Array(Math.ceil((8 * bytes.length) / BITS));
  let waiting = 0;
  let bits = 0;
  let at = 0;
  for (const byte of bytes) {
    waiting = ((waiting << 8) | byte) & 0xffff;
    for (bits += 8; bits >= BITS; ) {
      bits -= BITS;
      text[at++] = codes[(waiting >> bits) & 63];
    }
  }
  if (bits > 0) text[at] = codes[(waiting << (BITS - bits)) & 63];
  return decodeAscii(text);
}

const refused = (why) => error('ERR_INVALID_SEALED_TEXT', `the sealed text is not base64url without padding: ${why}`);

/** Returns the bytes of this text. It accepts only one spelling of them. */
export function decodeText(text) {
  if (codes === undefined) tables();
  if (text.length % 4 === 1) throw refused('no base64url text has this length');
  const bytes = new Uint8Array(Math.floor((BITS * text.length) / 8));
  let waiting = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const value = values[text.charCodeAt(i)] ?? 255;
    if (value === 255) throw refused('it has another character than A-Z, a-z, 0-9, - and _');
    waiting = ((waiting << BITS) | value) & 0xffff;
    bits += BITS;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = waiting >> bits;
    }
  }
  if ((waiting & ((1 << bits) - 1)) !== 0) throw refused('the bits after its last byte are not zero');
  return bytes;
}
