// Tests that each argument of each call may be any value: a call succeeds, or throws an error of this package with a code that is
// not ERR_INTERNAL. Part of the conformance tests.

import { USER } from './data.mjs';

function boom() {
  throw new RangeError('from the argument');
}

function revoked(target) {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const throwing = (target) => new Proxy(target, Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((trap) => [trap, boom])));

function shrunk() {
  const buffer = new ArrayBuffer(40, { maxByteLength: 100 });
  const array = new Uint8Array(buffer, 8, 32);
  if (buffer.resize === undefined) return new Uint8Array(40);
  buffer.resize(10);
  return array;
}

class Subclass extends Uint8Array {
  get length() {
    return boom();
  }

  get buffer() {
    return boom();
  }

  get [Symbol.toStringTag]() {
    return boom();
  }

  subarray() {
    return boom();
  }
}

const branded = (name, members) => ({ [Symbol.for(`vetassist.${name}`)]: true, ...members });
const EACH_KEY = Symbol.for('vetassist.eachKey');

/** Returns values that are not what any argument expects, or only look like it. */
function values(api) {
  const raw = new Uint8Array(32);
  const key = new api.Key(raw);
  const master = new api.MasterKey(raw);
  const getters = new Proxy({}, { get: boom });
  // This Proxy tells which members the package reads.
  const spy = new Proxy(branded('MasterKey'), { get: (target, name) => (name in target ? target[name] : () => 7) });
  return [
    undefined, null, 5, Number.NaN, Number.POSITIVE_INFINITY, -1, 10n, Symbol('x'), true, '', 'text', '\ud800', 'x'.repeat(400_000),
    () => 1, class {}, {}, Object.create(null), [], [1, 2], [undefined], [,], new Map(), new Date(Number.NaN), new Error('x'),
    { toString: boom, valueOf: boom, [Symbol.toPrimitive]: boom, toJSON: boom }, getters, [getters], [revoked({})],
    throwing({}), throwing([]), throwing(() => 1), throwing(raw), throwing(key), throwing(master),
    revoked({}), revoked([]), revoked(() => 1), revoked(raw), revoked(master), new Proxy(raw, {}),
    raw, raw.buffer, new Uint8Array(40), shrunk(), new Subclass(40), new Uint16Array(16), new DataView(new ArrayBuffer(32)),
    { __proto__: Uint8Array.prototype, length: 32 }, Object.setPrototypeOf(new Uint8Array(40), null),
    Object.setPrototypeOf(new Uint8Array(40), throwing({})), Object.setPrototypeOf(new Uint8Array(40), revoked({})),
    ...(typeof SharedArrayBuffer === 'function' ? [new SharedArrayBuffer(40), new Uint8Array(new SharedArrayBuffer(40))] : []),
    key, master, Object.create(key), api.Key.prototype, api.KeyRing.prototype, new Proxy(key, {}), spy,
    branded('Key'), branded('MasterKey'), branded('KeyRing'),
    branded('Key', { seal: boom, open: boom, openText: boom }),
    branded('MasterKey', { [EACH_KEY]: () => [1] }), branded('KeyRing', { [EACH_KEY]: (take) => [take('x'), 1] }),
    branded('KeyRing', { [EACH_KEY]: () => [] }), branded('MasterKey', { [EACH_KEY]: boom }),
  ];
}

/** Returns the calls, each with one argument that varies. */
function calls(api) {
  const raw = new Uint8Array(32);
  const key = new api.Key(raw);
  const master = new api.MasterKey(raw);
  const ring = new api.KeyRing([raw]);
  const sealed = [key.seal('x'), key.seal('x'.repeat(5000))];
  const token = ring.encryptToken('x', USER);
  const large = new Uint8Array(5000);
  const row = { id: USER, va_icn: null, va_veteran_status: null, email: null, first_name: null, last_name: null, is_active: true };
  const made = [
    (value) => new api.Key(value), (value) => new api.MasterKey(value), (value) => new api.KeyRing(value),
    (value) => new api.KeyRing([value]), (value) => api.KeyRing.parse(value),
    (value) => key.seal(value), (value) => key.seal('x', value), (value) => key.seal(large, value),
    (value) => key.open(value), (value) => key.open(sealed[0], value), (value) => key.open(sealed[1], value),
    (value) => key.openText(value), (value) => key.sealToText(value), (value) => key.sealToText('x', value),
    (value) => key.openFromText(value), (value) => key.openFromText('AAAA', value),
    (value) => key.sealAsync(value), (value) => key.sealAsync(large, value), (value) => key.openAsync(value),
    (value) => key.openAsync(sealed[1], value),
    (value) => api.encrypt(value, raw), (value) => api.encrypt('x', value), (value) => api.encrypt('x', raw, value),
    (value) => api.decrypt(value, raw), (value) => api.decrypt(sealed[0], value), (value) => api.decryptText(sealed[1], value),
    (value) => master.deriveUserKey(value), (value) => ring.encryptToken(value, USER), (value) => ring.encryptToken('x', value),
    (value) => ring.decryptToken(value, USER), (value) => ring.decryptToken(token, value),
    (value) => ring.decryptToken(token, USER, value),
    (value) => api.hashIp(value), (value) => api.hashIpKeyed(value, raw), (value) => api.hashIpKeyed('::1', value),
    (value) => api.upgradeIpHash(value, raw), (value) => api.upgradeIpHash('a'.repeat(64), value), (value) => api.fingerprint(value),
    (value) => api.addressOf(value), (value) => api.addressOf('::1', value), (value) => api.addressOf('::1', { trustedHops: value }),
    (value) => api.checkSchema(value), (value) => api.checkSchema([value]),
    (value) => api.checkSchema([{ object: value, attribute: 'x', value: 'x' }]),
    (value) => api.parseUser(value), (value) => api.parseVaToken(value), (value) => api.parseSession(value),
    (value) => api.parseAuthAudit(value), (value) => api.parseUser({ ...row, created_at: value }),
    (value) => api.parseVaToken({ id: USER, user_id: USER, access_token_encrypted: value }),
    (value) => api.parseAuthAudit({ id: value }),
    (value) => api.hashDevice(value), (value) => api.hashDevice({ ip: '::1' }, value), (value) => api.checkEventData(value),
    (value) => api.checkEventType(value), (value) => value instanceof api.Key, (value) => value instanceof api.VetassistError,
  ];
  for (const { prototype } of [api.Key, api.MasterKey, api.KeyRing]) {
    for (const name of Reflect.ownKeys(prototype)) {
      const { [name]: method } = prototype;
      if (typeof method === 'function' && name !== 'constructor' && name !== 'free' && name !== Symbol.dispose) {
        made.push((value) => method.call(value, 'x', 'x'));
      }
    }
  }
  return made;
}

export async function hostile(cases) {
  const { api } = cases;
  const given = values(api);
  for (const call of calls(api)) {
    for (const [at, value] of given.entries()) {
      let thrown;
      try {
        await call(value);
      } catch (error) {
        thrown = error;
      }
      if (thrown === undefined) continue;
      const { code } = thrown;
      cases.refused(thrown, code === 'ERR_INTERNAL' ? 'another code' : code, `value ${at} to ${call}`);
    }
  }
  afterMalformedFiles(cases);
}

// The staging buffer of a large malformed key file is freed. Nothing may be written to it afterwards.
function afterMalformedFiles(cases) {
  const { api } = cases;
  for (const size of [10, 300_000, 2_000_000]) {
    cases.refuses('ERR_INVALID_KEY_RING', `${size} characters`, () => api.KeyRing.parse('x'.repeat(size)));
    const objects = Array.from({ length: 50 }, (_, i) => new api.KeyRing([new Uint8Array(32).fill(i), 'f'.repeat(64)]));
    for (const ring of objects) {
      cases.equal(ring.decryptToken(ring.encryptToken('x', USER), USER), 'x', 'after a malformed key file');
      ring.free();
    }
  }
}
