// Tests that wrong arguments are refused with their code, and that the module works afterwards. Part of the conformance tests.

import { noise, OVERHEAD, USER } from './data.mjs';

export async function refusals(cases) {
  refusesWrongTypes(cases);
  refusesWrongSizesAndIds(cases);
  await rejectsPromisesOfAsyncMethods(cases);
  freesKeys(cases);
}

function detached() {
  const array = new Uint8Array(8);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

// Values that are neither bytes nor text are refused with their code, and the module works afterwards.
function refusesWrongTypes(cases) {
  const { api } = cases;
  const raw = api.generateKey();
  const key = new api.Key(raw);
  const master = new api.MasterKey(raw);
  const ring = new api.KeyRing([raw]);
  const hash = 'a'.repeat(64);
  const lookAlike = { __proto__: Uint8Array.prototype, length: 32 };
  const TYPE = 'ERR_INVALID_ARG_TYPE';
  const wrong = [
    [5, TYPE],
    [NaN, TYPE],
    [7n, TYPE],
    [true, TYPE],
    [null, TYPE],
    [Symbol('x'), TYPE],
    [() => 1, TYPE],
    [{}, TYPE],
    [{ length: 2, 0: 1, 1: 2 }, TYPE],
    [[1, 2], TYPE],
    [lookAlike, TYPE],
    [new Uint16Array(16), TYPE],
    [new DataView(new ArrayBuffer(32)), TYPE],
    [new String('text'), TYPE],
    [new Date(0), TYPE],
  ];
  const gone = detached();
  const unusable = [...wrong, [gone, 'ERR_DETACHED_BUFFER'], [gone.buffer, 'ERR_DETACHED_BUFFER']];
  const optional = unusable;
  const required = [...unusable, [undefined, TYPE]];
  const text = '\ud800';
  const noText = [text, 'ERR_INVALID_TEXT'];
  const bytesOnly = [...required, ['text', TYPE]];
  const textOnly = [...wrong, [undefined, TYPE], [gone, TYPE], [raw, TYPE]];
  const arrayOnly = [...textOnly, ['text', TYPE]].filter(([value]) => !Array.isArray(value));
  const sealed = key.seal('x');

  for (const [values, call] of [
    [[...required, noText], (value) => key.seal(value)],
    [[...optional, noText], (value) => key.seal('x', value)],
    [bytesOnly, (value) => key.open(value)],
    [[...optional, noText], (value) => key.open(sealed, value)],
    [bytesOnly, (value) => key.openText(value)],
    [[...optional, noText], (value) => key.openText(sealed, value)],
    [[...required, noText], (value) => api.encrypt(value, raw)],
    [bytesOnly, (value) => api.encrypt('x', value)],
    [[...optional, noText], (value) => api.encrypt('x', key, value)],
    [bytesOnly, (value) => api.decrypt(value, key)],
    [bytesOnly, (value) => api.decrypt(sealed, value)],
    [bytesOnly, (value) => api.decryptText(value, raw)],
    [bytesOnly, (value) => new api.Key(value)],
    [required, (value) => new api.MasterKey(value)],
    [required, (value) => new api.KeyRing([value])],
    [arrayOnly, (value) => new api.KeyRing(value)],
    [[...required, noText], (value) => api.KeyRing.parse(value)],
    [textOnly, (value) => master.deriveUserKey(value)],
    [[...textOnly, noText], (value) => ring.encryptToken(value, USER)],
    [textOnly, (value) => ring.encryptToken('x', value)],
    [bytesOnly, (value) => ring.decryptToken(value, USER)],
    [textOnly, (value) => ring.decryptToken(sealed, value)],
    [textOnly, (value) => api.hashIp(value)],
    [textOnly, (value) => api.hashIpKeyed(value, raw)],
    [required, (value) => api.hashIpKeyed('::1', value)],
    [textOnly, (value) => api.upgradeIpHash(value, raw)],
    [required, (value) => api.upgradeIpHash(hash, value)],
    [required, (value) => api.fingerprint(value)],
  ]) {
    for (const [value, code] of values) {
      cases.refuses(code, `${typeof value} to ${call}`, () => call(value));
    }
    cases.equal(key.openText(key.seal('still here')), 'still here', 'after refusals');
  }
  for (const object of [key, master, ring]) object.free();
}

function refusesWrongSizesAndIds(cases) {
  const { api } = cases;
  for (const length of [0, 1, 16, 31, 33, 64]) {
    const raw = new Uint8Array(length);
    for (const call of [
      () => new api.Key(raw),
      () => new api.MasterKey(raw),
      () => api.encrypt('x', raw),
      () => api.fingerprint(raw),
      () => new api.MasterKey('a'.repeat(length === 64 ? 63 : length)),
      () => api.hashIpKeyed('::1', 'g'.repeat(64)),
    ]) {
      cases.refuses('ERR_INVALID_KEY', `a key of ${length} bytes: ${call}`, call);
    }
  }
  const key = new api.Key(new Uint8Array(32));
  for (let length = 0; length < OVERHEAD; length++) {
    cases.refuses('ERR_SEALED_TOO_SHORT', `${length} bytes`, () => key.open(new Uint8Array(length)));
  }
  cases.refuses('ERR_OPEN_FAILED', '28 bytes', () => key.open(new Uint8Array(OVERHEAD)));
  const ring = new api.KeyRing([new Uint8Array(32)]);
  const master = new api.MasterKey(new Uint8Array(32));
  const sealed = ring.encryptToken('x', USER);
  for (const id of [
    '',
    'x',
    USER.replaceAll('-', ''),
    `{${USER}}`,
    `urn:uuid:${USER}`,
    USER.slice(1),
    `${USER}0`,
    ` ${USER.slice(1)}`,
    USER.replace('-', '_'),
    USER.replace('1', 'g'),
    USER.replace('1', 'é'),
    '1'.repeat(36),
  ]) {
    for (const call of [
      () => master.deriveUserKey(id),
      () => ring.encryptToken('x', id),
      () => ring.decryptToken(sealed, id),
    ]) {
      cases.refuses('ERR_INVALID_USER_ID', `${JSON.stringify(id)}: ${call}`, call);
    }
  }
  for (const text of ['', 'a', 'a'.repeat(63), 'a'.repeat(65), 'g'.repeat(64), 'A'.repeat(64), 'é'.repeat(64)]) {
    cases.refuses('ERR_INVALID_IP_HASH', text, () => api.upgradeIpHash(text, new Uint8Array(32)));
  }
  cases.refuses('ERR_INVALID_ADDRESS', 'long', () => api.hashIp('1'.repeat(1e6)));
  cases.equal(ring.decryptToken(sealed, USER), 'x', 'after refusals');
}

async function rejectsPromisesOfAsyncMethods(cases) {
  const key = new cases.api.Key(new Uint8Array(32));
  const large = key.seal(noise(500_000));
  large[77] ^= 1;
  const { rejects } = cases;
  const reject = rejects.bind(cases);
  await reject('ERR_OPEN_FAILED', 'large and altered', () => key.openAsync(large));
  await reject('ERR_SEALED_TOO_SHORT', 'short', () => key.openAsync(new Uint8Array(27)));
  await reject('ERR_INVALID_ARG_TYPE', 'a number', () => key.sealAsync(5));
  await reject('ERR_INVALID_ARG_TYPE', 'an object', () => key.sealAsync({}));
  await reject('ERR_INVALID_ARG_TYPE', 'text', () => key.openAsync('text'));
  await reject('ERR_INVALID_ARG_TYPE', 'AAD', () => key.sealAsync('x', 5));
  await reject('ERR_INVALID_TEXT', 'a lone surrogate', () => key.sealAsync('\udfff'));
  await reject('ERR_DETACHED_BUFFER', 'a detached buffer', () => key.openAsync(detached()));
  // The key may be freed during the call. The promise is then fulfilled or rejected with ERR_FREED.
  const pending = key.sealAsync(noise(500_000));
  key.free();
  await pending.then(
    (sealed) => cases.same(new cases.api.Key(new Uint8Array(32)).open(sealed), noise(500_000), 'fulfilled'),
    (error) => cases.refused(error, 'ERR_FREED', 'freed during the call'),
  );
  await reject('ERR_FREED', 'a freed key', () => key.sealAsync('x'));
  await reject('ERR_FREED', 'a freed key', () => key.openAsync(large));
}

function freesKeys(cases) {
  const { api } = cases;
  const make = () => [
    [new api.Key(new Uint8Array(32)), (key) => key.seal('x')],
    [new api.Key(new Uint8Array(32)), (key) => key.open(new Uint8Array(28))],
    [new api.Key(new Uint8Array(32)), (key) => api.encrypt('x', key)],
    [new api.MasterKey(new Uint8Array(32)), (master) => master.deriveUserKey(USER)],
    [new api.MasterKey(new Uint8Array(32)), (master) => master.fingerprint()],
    [new api.MasterKey(new Uint8Array(32)), (master) => api.hashIpKeyed('::1', master)],
    [new api.KeyRing([new Uint8Array(32)]), (ring) => ring.encryptToken('x', USER)],
    [new api.KeyRing([new Uint8Array(32)]), (ring) => ring.fingerprints()],
  ];
  for (const [object, use] of make()) {
    object.free();
    object.free();
    cases.refuses('ERR_FREED', `freed: ${use}`, () => use(object));
  }
  if (Symbol.dispose !== undefined) {
    for (const [object, use] of make()) {
      object[Symbol.dispose]();
      cases.refuses('ERR_FREED', `disposed of: ${use}`, () => use(object));
    }
  }
  // A freed key stays freed when another key takes its place.
  const freed = new api.Key(new Uint8Array(32));
  freed.free();
  const another = new api.Key(new Uint8Array(32).fill(9));
  cases.refuses('ERR_FREED', 'another key has its place', () => freed.seal('x'));
  another.free();
}
