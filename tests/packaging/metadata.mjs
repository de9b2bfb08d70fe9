// Tests the checks of events and the hashing of addresses in devices, in every runtime.

export function metadata(cases) {
  const { hashDevice, checkEventData, checkEventType, hashIp, hashIpKeyed, KeyRing, generateKey } = cases.api;
  const same = (found, expected, what) => cases.equal(JSON.stringify(found), JSON.stringify(expected), what);
  const key = 'ab'.repeat(32);
  const hash = hashIp('203.0.113.7');

  same(hashDevice({ agent: 'x', ip: '203.0.113.7' }), { agent: 'x', ip_hash: hash }, 'a plain hash');
  same(hashDevice({ ip: '203.0.113.7' }, key), { ip_hash: hashIpKeyed('203.0.113.7', key) }, 'a keyed hash');
  same(hashDevice({ ip: '203.0.113.7' }, new KeyRing([key, generateKey()])), { ip_hash: hashIpKeyed('203.0.113.7', key) }, 'under a ring');
  same(hashDevice({ remote: '[2001:DB8::1]:443' }), { ip_hash: hashIp('2001:db8::1') }, 'recognised by its value');
  same(hashDevice({ ip: '203.0.113.7', client_ip: '::ffff:203.0.113.7' }), { ip_hash: hash, client_ip_hash: hash }, 'two addresses');
  same(hashDevice({ forwarded: 'for=203.0.113.7, for=198.51.100.1' }), { ip_hash: [hash, hashIp('198.51.100.1')] }, 'a list');
  same(hashDevice({ ip: 'unknown', agent: 'x' }), { agent: 'x' }, 'a value under the name of an address that is not one');
  const device = { version: '120.0.0.0', n: [0, -1, 1.5, 1e21, null, true, 'quoted " \\ \u0000 \u6771'], '': {} };
  same(hashDevice(device), device, 'nothing to hash');
  for (const value of [null, 5, 'text', [], {}]) same(hashDevice(value), value, 'any value');
  let circle = {};
  circle.circle = circle;
  for (const wrong of [undefined, () => {}, circle]) cases.refuses('ERR_INVALID_ARG_TYPE', 'a value that is not JSON', () => hashDevice(wrong));
  cases.refuses('ERR_TOO_LARGE', 'too long', () => hashDevice('x'.repeat(70_000)));
  let deep = 0;
  for (let level = 0; level < 70; level++) deep = [deep];
  cases.refuses('ERR_TOO_LARGE', 'too deep', () => checkEventData(deep));

  for (const harmless of [{ reason: 'expired', attempts: 3 }, { token: 'missing' }, { password_reset: 'requested' }, [], null]) {
    cases.equal(checkEventData(harmless), undefined, JSON.stringify(harmless));
  }
  for (const [secret, path] of [
    [{ password: 'hunter2' }, 'event_data.password'],
    [{ users: [{ ssn: '123456789' }] }, 'event_data.users[0].ssn'],
    [{ note: 'Bearer abc.def.ghi' }, 'event_data.note'],
    ['eyJhbGciOiJSUzI1NiJ9.e30.c2ln', 'event_data'],
  ]) {
    let refused;
    try {
      checkEventData(secret);
    } catch (error) {
      refused = error;
    }
    cases.refused(refused, 'ERR_SECRET_IN_METADATA', path);
    cases.equal(refused.path, path, 'the path');
    cases.equal(/hunter2|123456789|abc|eyJ/.test(refused.message), false, 'the error does not hold the secret');
  }
  cases.equal(checkEventType('login_failed'), undefined, 'a type');
  for (const wrong of ['', ' ', 'login', 'Tokens-Stored', 'x'.repeat(51), '2YotnFZFEjr1zCsicMWpAA', 'a\0b'.repeat(30)]) {
    cases.refuses('ERR_INVALID_EVENT_TYPE', wrong, () => checkEventType(wrong));
  }
  cases.refuses('ERR_INVALID_ARG_TYPE', 'a number', () => checkEventType(5));

  // The position of the key that opened, for small values and for large ones, which node:crypto opens.
  const user = '6f1c2b3a-0000-4000-8000-000000000001';
  const [current, old] = [generateKey(), generateKey()];
  const ring = new KeyRing([current, old]);
  for (const token of ['x', 'x'.repeat(5000)]) {
    for (const [position, sealing] of [current, old].entries()) {
      const sealed = new KeyRing([sealing]).encryptToken(token, user);
      same(ring.decryptToken(sealed, user, { withPosition: true }), { token, position }, 'the position of the key');
      cases.equal(ring.decryptToken(sealed, user), token, 'without options only the token');
      cases.equal(ring.decryptToken(sealed, user, {}), token, 'without withPosition only the token');
    }
  }
}
