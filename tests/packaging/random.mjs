// Random inputs: tokens of all sizes and scripts, users, addresses.
import { randomBytes, randomInt, randomUUID } from 'node:crypto';

const LETTERS = [
  'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=',
  'äößéñçøåłžğışđþ¿¡€',
  'щуквапролджэИванов',
  'Ἑλλάςαβγδεζηθικλμ',
  '東京都日本語漢字仮名交じり文',
  'שלוםמאעربيةنص',
  'हिन्दीதமிழ்ไทย한국어',
  '🦅🎖️🇺🇸👩🏽‍✈️👨‍👩‍👧‍👦😀',
  '\u0001\t\n\r"\'\\\u007f\u0085\u2028\ufeff\ufffd\u{10ffff}e\u0301',
].map((letters) => [...letters]);

const bytes = (text) => Buffer.byteLength(text);

/** Returns text of at most this many bytes of UTF-8, in one script or in all of them. */
function text(size) {
  const alphabet = randomInt(4) === 0 ? LETTERS.flat() : LETTERS[randomInt(LETTERS.length)];
  let made = '';
  let room = size;
  while (room > 0) {
    const letter = alphabet[randomInt(alphabet.length)];
    room -= bytes(letter);
    if (room >= 0) made += letter;
  }
  return made;
}

/** Returns tokens: extreme ones, and random ones of at most 4096 bytes. */
export function* tokens(count) {
  yield '';
  yield 'x';
  yield 'x'.repeat(4096);
  yield '東'.repeat(1365);
  yield '🦅';
  for (let made = 5; made < count; made++) yield text(made % 3 === 0 ? randomInt(4097) : randomInt(200));
}

export const user = () => randomUUID();
export const masterKey = () => randomBytes(32).toString('hex');

/** Returns an address of one host, in one of its spellings. */
export function address() {
  const raw = randomBytes(16);
  const quad = raw.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => raw.readUInt16BE(2 * i) * randomInt(2));
  return [
    quad,
    `::ffff:${quad}`,
    groups.map((group) => group.toString(16)).join(':'),
    groups.map((group) => group.toString(16).padStart(4, '0').toUpperCase()).join(':'),
    `64:ff9b::${quad}`,
  ][randomInt(5)];
}
