// What every runtime must do alike. Takes the package's exports and the reference vectors, and returns how
// many cases it tried; throws at the first that is wrong.

const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (array) => Array.from(array, (byte) => byte.toString(16).padStart(2, '0')).join('');

export async function conformance(api, vectors) {
  let cases = 0;
  const equal = (found, expected, what) => {
    cases += 1;
    if (found !== expected) throw new Error(`${what}: ${found} is not ${expected}`);
  };
  const refuses = (code, what, call) => {
    cases += 1;
    try {
      call();
    } catch (error) {
      if (error instanceof api.VetassistError && error.code === code) return;
      throw new Error(`${what}: ${error} (${error.code}) instead of ${code}`);
    }
    throw new Error(`${what}: not refused`);
  };

  for (const v of vectors.user_key) {
    const master = new api.MasterKey(v.master);
    const key = master.deriveUserKey(v.user_id);
    equal(hex(new api.Key(bytes(v.key)).open(key.seal('x'))), '78', 'user key');
    equal(hex(key.open(new api.Key(bytes(v.key)).seal('x'))), '78', 'user key');
    key.free();
    master.free();
  }
  for (const v of vectors.seal) {
    const key = new api.Key(bytes(v.key));
    equal(hex(key.open(bytes(v.sealed), bytes(v.aad))), v.plaintext, 'open');
    equal(hex(await key.openAsync(bytes(v.sealed), bytes(v.aad))), v.plaintext, 'openAsync');
    const sealed = key.seal(bytes(v.plaintext), bytes(v.aad));
    equal(sealed.length, bytes(v.plaintext).length + 28, 'overhead');
    equal(hex(api.decrypt(sealed, bytes(v.key), bytes(v.aad))), v.plaintext, 'seal');
    const sealedAsync = await key.sealAsync(bytes(v.plaintext), bytes(v.aad));
    equal(hex(key.open(sealedAsync, bytes(v.aad))), v.plaintext, 'sealAsync');
  }
  for (const v of vectors.token) {
    const ring = new api.KeyRing([new Uint8Array(32), v.master]);
    equal(ring.decryptToken(bytes(v.sealed), v.user_id), v.token, 'token');
    equal(ring.decryptToken(ring.encryptToken(v.token, v.user_id), v.user_id), v.token, 'token');
    refuses('ERR_OPEN_FAILED', 'another user', () =>
      ring.decryptToken(bytes(v.sealed), '00000000-0000-0000-0000-000000000000'));
  }
  for (const v of vectors.open_must_fail) {
    const code = v.sealed.length < 56 ? 'ERR_SEALED_TOO_SHORT' : 'ERR_OPEN_FAILED';
    refuses(code, v.why, () => api.decrypt(bytes(v.sealed), bytes(v.key), bytes(v.aad)));
  }
  for (const v of vectors.ip_hash) {
    equal(api.hashIp(v.ip), v.sha256, v.ip);
    equal(api.hashIpKeyed(v.ip, v.master), v.keyed, v.ip);
    equal(api.upgradeIpHash(v.sha256, v.master), v.keyed, v.ip);
  }
  for (const ip of vectors.ip_rejected) {
    refuses('ERR_INVALID_ADDRESS', JSON.stringify(ip), () => api.hashIp(ip));
  }
  for (const v of vectors.fingerprint) {
    equal(api.fingerprint(v.master), v.fingerprint, 'fingerprint');
  }

  // Whatever is not bytes or text is refused, and the module goes on.
  const key = new api.Key(api.generateKey());
  const detached = new Uint8Array(8);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  for (const wrong of [5, {}, [1, 2], null, undefined, true, 7n, Symbol('x'), () => 1, '\ud800', detached]) {
    for (const call of [
      () => key.seal(wrong),
      () => key.open(wrong),
      () => api.encrypt(wrong, api.generateKey()),
      () => api.encrypt('x', wrong),
      () => new api.Key(wrong),
      () => new api.MasterKey(wrong),
      () => new api.KeyRing(wrong),
      () => api.hashIp(wrong),
    ]) {
      cases += 1;
      try {
        call();
      } catch (error) {
        if (error instanceof api.VetassistError && error.code) continue;
        throw error;
      }
      throw new Error(`${String(wrong)} was taken: ${call}`);
    }
    equal(key.openText(key.seal('still here')), 'still here', 'after a refusal');
  }
  key.free();
  refuses('ERR_FREED', 'a freed key', () => key.seal('x'));
  return cases;
}
