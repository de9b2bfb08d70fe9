// The conformance tests, which every runtime must pass. Takes the exports of the package and of `vetassist/metadata`, and the
// vectors. Returns the number of cases; throws at the first failure.

import { bytes, hex, noise, OVERHEAD, USER, utf8 } from './data.mjs';
import { hostile } from './hostile.mjs';
import { usage, worksTogether } from './usage.mjs';
import { metadata } from './metadata.mjs';
import { refusals } from './refusals.mjs';
import { rowsAndSchemas } from './rows.mjs';

const EXPORTS = [
  'Key',
  'KeyRing',
  'MasterKey',
  'VetassistError',
  'addressOf',
  'checkEventData',
  'checkEventType',
  'checkSchema',
  'decrypt',
  'decryptText',
  'encrypt',
  'fingerprint',
  'generateKey',
  'hashDevice',
  'hashIp',
  'hashIpKeyed',
  'parseAuthAudit',
  'parseSession',
  'parseUser',
  'parseVaToken',
  'upgradeIpHash',
];
class Cases {
  count = 0;

  constructor(api) {
    this.api = api;
  }

  equal(found, expected, what) {
    this.count += 1;
    if (found !== expected) throw new Error(`${what}: ${found} is not ${expected}`);
  }

  same(found, expected, what) {
    this.equal(found instanceof Uint8Array, true, `${what} is a Uint8Array`);
    this.equal(found.length, expected.length, `${what}: length`);
    this.equal(found.findIndex((byte, at) => byte !== expected[at]), -1, `${what}: first difference`);
  }

  refused(error, code, what) {
    this.count += 1;
    const { VetassistError } = this.api;
    if (!(error instanceof VetassistError)) throw new Error(`${what}: ${error}`, { cause: error });
    if (error.code !== code) throw new Error(`${what}: ${error.code} instead of ${code}`);
    if (error.name !== 'VetassistError') throw new Error(`${what}: named ${error.name}`);
  }

  refuses(code, what, call) {
    let result;
    try {
      result = call();
    } catch (error) {
      this.refused(error, code, what);
      return;
    }
    throw new Error(`${what}: gave ${String(result)} instead of ${code}`);
  }

  async rejects(code, what, call) {
    let result;
    try {
      result = await call();
    } catch (error) {
      this.refused(error, code, what);
      return;
    }
    throw new Error(`${what}: gave ${String(result)} instead of ${code}`);
  }
}

export async function conformance(api, vectors) {
  const cases = new Cases(api);
  for (const name of EXPORTS) cases.equal(typeof api[name], 'function', name);
  await sealsAsTheReference(cases, vectors.reference);
  hashesAsTheReference(cases, vectors.reference);
  readsKeyFiles(cases, vectors.keyFiles);
  readsRings(cases);
  takesTextAndBytes(cases);
  drawsNonces(cases);
  await agreesWithWebCrypto(cases);
  await refusals(cases);
  await hostile(cases);
  usage(cases);
  rowsAndSchemas(cases, vectors);
  metadata(cases);
  return cases.count;
}

/** Uses the objects of each of two copies of the package with the other. Returns the number of cases. */
export function together(api, other) {
  const cases = new Cases(api);
  worksTogether(cases, other);
  return cases.count;
}

async function sealsAsTheReference(cases, vectors) {
  const { api } = cases;
  for (const v of vectors.user_key) {
    const master = new api.MasterKey(v.master);
    const [key, reference] = [master.deriveUserKey(v.user_id), new api.Key(bytes(v.key))];
    cases.same(reference.open(key.seal('x')), utf8('x'), 'user key');
    cases.same(key.open(reference.seal('x')), utf8('x'), 'user key');
    const upper = master.deriveUserKey(v.user_id.toUpperCase());
    cases.same(upper.open(key.seal('x')), utf8('x'), 'user id in capitals');
    for (const object of [upper, key, reference, master]) object.free();
  }
  for (const v of vectors.seal) {
    const key = new api.Key(bytes(v.key));
    const [plaintext, aad, sealed] = [bytes(v.plaintext), bytes(v.aad), bytes(v.sealed)];
    cases.same(key.open(sealed, aad), plaintext, 'open');
    cases.same(await key.openAsync(sealed, aad), plaintext, 'openAsync');
    cases.same(api.decrypt(sealed, bytes(v.key), aad), plaintext, 'decrypt');
    for (const again of [
      key.seal(plaintext, aad),
      await key.sealAsync(plaintext, aad),
      api.encrypt(plaintext, bytes(v.key), aad),
      api.encrypt(plaintext, key, aad),
    ]) {
      cases.equal(again.length, plaintext.length + OVERHEAD, 'overhead');
      cases.same(key.open(again, aad), plaintext, 'seal');
      cases.refuses('ERR_OPEN_FAILED', 'other AAD', () => key.open(again, utf8('another')));
    }
    key.free();
  }
  for (const v of vectors.token) {
    const ring = new api.KeyRing([new Uint8Array(32), v.master]);
    cases.equal(ring.decryptToken(bytes(v.sealed), v.user_id), v.token, 'token');
    const again = ring.encryptToken(v.token, v.user_id);
    cases.equal(ring.decryptToken(again, v.user_id), v.token, 'token');
    cases.refuses('ERR_OPEN_FAILED', 'another user', () => ring.decryptToken(bytes(v.sealed), USER));
    cases.refuses('ERR_OPEN_FAILED', 'without its key', () =>
      new api.KeyRing([new Uint8Array(32)]).decryptToken(bytes(v.sealed), v.user_id));
  }
  for (const v of vectors.open_must_fail) {
    const [sealed, key, aad] = [bytes(v.sealed), bytes(v.key), bytes(v.aad)];
    const code = sealed.length < OVERHEAD ? 'ERR_SEALED_TOO_SHORT' : 'ERR_OPEN_FAILED';
    cases.refuses(code, v.why, () => api.decrypt(sealed, key, aad));
    await cases.rejects(code, v.why, () => new api.Key(key).openAsync(sealed, aad));
  }
}

function hashesAsTheReference(cases, vectors) {
  const { api } = cases;
  for (const v of vectors.ip_hash) {
    cases.equal(api.hashIp(v.ip), v.sha256, v.ip);
    cases.equal(api.hashIpKeyed(v.ip, v.master), v.keyed, v.ip);
    cases.equal(api.hashIpKeyed(v.ip, new api.KeyRing([v.master])), v.keyed, v.ip);
    cases.equal(api.upgradeIpHash(v.sha256, v.master), v.keyed, v.ip);
    cases.equal(api.upgradeIpHash(v.sha256, bytes(v.master)), v.keyed, v.ip);
    cases.refuses('ERR_INVALID_IP_HASH', 'capitals', () =>
      api.upgradeIpHash(`A${v.sha256.slice(1)}`, v.master));
  }
  for (const ip of vectors.ip_rejected) {
    cases.refuses('ERR_INVALID_ADDRESS', JSON.stringify(ip), () => api.hashIp(ip));
    cases.refuses('ERR_INVALID_ADDRESS', JSON.stringify(ip), () =>
      api.hashIpKeyed(ip, new Uint8Array(32)));
  }
  for (const v of vectors.fingerprint) {
    cases.equal(api.fingerprint(v.master), v.fingerprint, 'fingerprint');
    cases.equal(new api.MasterKey(bytes(v.master)).fingerprint(), v.fingerprint, 'fingerprint');
    cases.equal(new api.KeyRing([v.master]).fingerprints().join(), v.fingerprint, 'fingerprint');
  }
}

function readsKeyFiles(cases, vectors) {
  const { KeyRing } = cases.api;
  for (const v of vectors.read) {
    for (const text of [v.text, utf8(v.text)]) {
      cases.equal(KeyRing.parse(text).fingerprints().length, v.keys, v.why);
    }
  }
  for (const v of vectors.refused) {
    cases.refuses('ERR_INVALID_KEY_RING', v.why, () => KeyRing.parse(v.text));
    try {
      KeyRing.parse(v.text);
    } catch ({ message }) {
      cases.equal(message.endsWith(`: ${v.error}`), true, `${v.why}: ${message}`);
    }
  }
}

function readsRings(cases) {
  const { api } = cases;
  const raw = Array.from({ length: 17 }, (_, i) => new Uint8Array(32).fill(i + 1));
  const full = new api.KeyRing(raw.slice(0, 16));
  const print = (key) => new api.MasterKey(key).fingerprint();
  cases.equal(full.fingerprints().join(), raw.slice(0, 16).map(print).join(), 'in order');
  for (const key of raw.slice(0, 16)) {
    const token = new api.KeyRing([key]).encryptToken('an old token', USER);
    cases.equal(full.decryptToken(token, USER), 'an old token', 'sealed by any of its keys');
  }
  const current = new api.KeyRing([raw[0]]);
  cases.equal(current.decryptToken(full.encryptToken('new', USER), USER), 'new', 'the first key seals');
  const masters = [new api.MasterKey(raw[0]), hex(raw[1]), raw[2].buffer];
  const mixed = new api.KeyRing(masters);
  masters[0].free();
  cases.equal(mixed.fingerprints().length, 3, 'its keys may be freed');
  const refused = (keys, what) => cases.refuses('ERR_INVALID_KEY_RING', what, () => new api.KeyRing(keys));
  refused([], 'an empty ring');
  refused(raw, 'a ring of 17 keys');
  refused([raw[0], raw[1], hex(raw[0])], 'a key twice');
  cases.refuses('ERR_INVALID_KEY', 'a short key', () => new api.KeyRing([raw[0].slice(1)]));
  cases.refuses('ERR_FREED', 'a freed key', () => new api.KeyRing([masters[0]]));
  cases.equal(mixed.decryptToken(mixed.encryptToken('x', USER), USER), 'x', 'after refusals');
}

function takesTextAndBytes(cases) {
  const { api } = cases;
  const key = new api.Key(api.generateKey());
  const texts = ['', 'x', '\0', '\ufeffmark', 'Jürgen', '東京の東', '🦅🇺🇸', 'é'.repeat(70_000), 'a'.repeat(48), 'b'.repeat(49)];
  for (const text of texts) {
    const what = `${text.length} units`;
    cases.same(key.open(key.seal(text)), utf8(text), what);
    cases.equal(key.openText(key.seal(utf8(text))), text, what);
    cases.equal(key.openText(key.seal('x', text), utf8(text)), 'x', `AAD of ${what}`);
    cases.equal(api.decryptText(api.encrypt(text, key), key), text, what);
    const ring = new api.KeyRing([new Uint8Array(32)]);
    cases.equal(ring.decryptToken(ring.encryptToken(text, USER), USER), text, `token of ${what}`);
  }
  cases.refuses('ERR_NOT_UTF8', 'no text', () => key.openText(key.seal(Uint8Array.of(0xff))));
  for (const length of [1, 31, 32, 33, 8192, 70_000, 1_100_000]) {
    const data = noise(length);
    const sealed = key.seal(data);
    cases.same(key.open(sealed), data, `${length} bytes`);
    cases.same(key.open(key.seal(data.buffer).buffer), data, `an ArrayBuffer of ${length} bytes`);
    const padded = new Uint8Array(sealed.length + 7);
    padded.set(sealed, 3);
    cases.same(key.open(padded.subarray(3, -4)), data, `${length} bytes within others`);
    sealed[sealed.length >> 1] ^= 1;
    cases.refuses('ERR_OPEN_FAILED', `${length} bytes, altered`, () => key.open(sealed));
  }
  if (typeof SharedArrayBuffer === 'function') {
    const shared = new Uint8Array(new SharedArrayBuffer(100)).fill(7);
    cases.same(key.open(key.seal(shared)), new Uint8Array(100).fill(7), 'shared memory');
  }
  class Odd extends Uint8Array {
    get length() {
      return 1e9;
    }
  }
  cases.same(key.open(key.seal(new Odd(5))), new Uint8Array(5), 'a subclass with a wrong length');
}

function drawsNonces(cases) {
  const { api } = cases;
  const key = new api.Key(api.generateKey());
  const nonces = new Set();
  for (let i = 0; i < 5_000; i++) nonces.add(hex(key.seal('').subarray(0, 12)));
  cases.equal(nonces.size, 5_000, 'different nonces');
  const keys = new Set(Array.from({ length: 100 }, () => hex(api.generateKey())));
  cases.equal(keys.size, 100, 'different keys');
}

/** Tests text and AAD through promises, with one and with three bytes a character, because the number of bytes decides which
* implementation is used. Also tests shared memory. */
async function textLater(cases, key, length) {
  for (const letter of ['x', '東']) {
    const text = letter.repeat(length);
    for (const aad of [letter, text]) {
      const sealed = await key.sealAsync(text, aad);
      cases.same(key.open(sealed, aad), utf8(text), 'text, later');
      cases.same(await key.openAsync(sealed, aad), utf8(text), 'text, opened later');
    }
  }
  if (typeof SharedArrayBuffer !== 'function') return;
  const shared = new Uint8Array(new SharedArrayBuffer(length)).fill(7);
  const sealed = await key.sealAsync(shared, shared);
  cases.same(key.open(sealed, shared), shared.slice(), 'shared, later');
  const lent = new Uint8Array(new SharedArrayBuffer(sealed.length));
  lent.set(sealed);
  cases.same(await key.openAsync(lent, shared), shared.slice(), 'shared, opened later');
}

/** Returns the message of the error that a call throws. */
function whyNot(call) {
  try {
    call();
  } catch ({ message }) {
    return message;
  }
  return 'nothing';
}

async function agreesWithWebCrypto(cases) {
  const { subtle } = globalThis.crypto;
  const { api } = cases;
  for (const length of [0, 1, 16, 1000, 20_000, 300_000]) {
    const raw = api.generateKey();
    const key = new api.Key(raw);
    const theirs = await subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']);
    for (const given of [theirs, await subtle.importKey('raw', raw, 'AES-GCM', true, ['encrypt'])]) {
      cases.refuses('ERR_INVALID_ARG_TYPE', 'a CryptoKey', () => new api.Key(given));
      cases.equal(whyNot(() => new api.Key(given)).includes('crypto.subtle.exportKey'), true, 'the error names the alternative');
    }
    const data = noise(length);
    for (const aad of [undefined, utf8('the AAD')]) {
      const way = (iv) => ({ name: 'AES-GCM', iv, ...(aad && { additionalData: aad }) });
      for (const sealed of [key.seal(data, aad), await key.sealAsync(data, aad)]) {
        const body = sealed.subarray(12);
        const opened = await subtle.decrypt(way(sealed.subarray(0, 12)), theirs, body);
        cases.same(new Uint8Array(opened), data, 'WebCrypto opens bytes that the package sealed');
      }
      const iv = globalThis.crypto.getRandomValues(new Uint8Array(12));
      const body = new Uint8Array(await subtle.encrypt(way(iv), theirs, data));
      const sealed = Uint8Array.from([...iv, ...body]);
      cases.same(key.open(sealed, aad), data, 'the package opens bytes that WebCrypto sealed');
      cases.same(await key.openAsync(sealed, aad), data, 'openAsync opens bytes that WebCrypto sealed');
    }
    await textLater(cases, key, length);
    // Concurrent calls, with an argument that changes afterwards.
    const changing = data.slice();
    const pending = Array.from({ length: 20 }, () => key.sealAsync(changing));
    changing.fill(0);
    for (const sealed of await Promise.all(pending)) cases.same(key.open(sealed), data, 'concurrent calls');
  }
}
