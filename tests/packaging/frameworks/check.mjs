// A few cases of the conformance tests, in one file that every bundler accepts. Every app runs them.

const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => Number.parseInt(pair, 16));

/** Throws at the first failure; returns the number of cases. `metadata`, if given, is `vetassist/metadata`. */
export function check(api, metadata) {
  let cases = 0;
  const equal = (found, expected, what) => {
    cases += 1;
    if (found !== expected) throw new Error(`${what}: ${found} is not ${expected}`);
  };
  const code = (call) => {
    try {
      return call();
    } catch (error) {
      return error instanceof api.VetassistError ? error.code : String(error);
    }
  };
  const zero = new api.Key(new Uint8Array(32));
  equal(zero.open(bytes('000000000000000000000000530f8afbc74536b9a963b4f1c4cb738b')).length, 0, 'a known sealed value');
  const raw = api.generateKey();
  const key = new api.Key(raw);
  for (const length of [0, 1, 31, 200, 1000, 70_000]) {
    const text = 'é'.repeat(length);
    const sealed = key.seal(text, 'aad');
    equal(key.openText(sealed, 'aad'), text, `${length} letters`);
    sealed[sealed.length >> 1] ^= 1;
    equal(code(() => key.open(sealed, 'aad')), 'ERR_OPEN_FAILED', `${length} letters, altered`);
  }
  equal(key.openFromText(key.sealToText('cookie', 'name'), 'name'), 'cookie', 'text form');
  const user = '1bb044aa-ded1-40c7-8a88-433e74903f95';
  const ring = new api.KeyRing([raw, '07'.repeat(32)]);
  equal(ring.decryptToken(new api.KeyRing([new Uint8Array(32).fill(7)]).encryptToken('token', user), user), 'token', 'a ring');
  equal(api.hashIp('::1'), 'eff8e7ca506627fe15dda5e0e512fcaad70b6d520f37cc76597fdb4f2d83a1a3', 'a hash');
  equal(api.hashIpKeyed('203.0.113.7', ring).length, 64, 'a keyed hash');
  equal(api.addressOf('198.51.100.1, 203.0.113.7:4711'), '203.0.113.7', 'an address');
  equal(api.checkSchema([]).length, 13, 'an empty database');
  equal(code(() => api.parseUser({})), 'ERR_INVALID_ROW', 'no row');
  equal(code(() => new api.Key('x')), 'ERR_INVALID_ARG_TYPE', 'no key');
  equal(api.KeyRing.name, 'KeyRing', 'the name of a class');
  if (metadata !== undefined) {
    const hashed = metadata.hashDevice({ ip: '::1' });
    equal(JSON.stringify(hashed), `{"ip_hash":"${api.hashIp('::1')}"}`, 'a device');
    equal(code(() => metadata.checkEventData({ password: 'hunter2' })), 'ERR_SECRET_IN_METADATA', 'a secret');
  }
  key.free();
  equal(code(() => key.seal('x')), 'ERR_FREED', 'a freed key');
  return cases;
}
