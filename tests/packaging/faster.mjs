// Tests which implementation the synchronous calls use if node:crypto exists, and that they wipe keys and plaintext.

const { createCipheriv, createDecipheriv, createSecretKey } = globalThis.process?.getBuiltinModule?.('node:crypto') ?? {};

/** Throws at the first failure; returns the number of cases. `expected` has sizes that the module seals and opens, sizes for which
 * node:crypto does, `odd` among them, and the size up to which it fulfils promises. */
export async function usesTheFasterImplementation(api, expected) {
  const crypto = globalThis.process.getBuiltinModule('node:crypto');
  let cases = 0;
  const equal = (found, expected, what) => {
    cases += 1;
    if (found !== expected) throw new Error(`${what}: ${found} is not ${expected}`);
  };
  const code = (call) => {
    try {
      return String(call());
    } catch (error) {
      return error.code;
    }
  };
  const isZero = (bytes) => bytes.every((byte) => byte === 0);
  const isWiped = ({ gave }) => gave.length > 0 && gave.every(isZero);
  const seen = [];
  // The bytes of each KeyObject. In runtimes that are slow to accept bytes, the package makes one for each call.
  const madeOf = new WeakMap();
  const uses = new WeakSet();
  // Records the arguments that the package passes to node:crypto, and the results.
  const watch = (make, spoil = {}) =>
    function (...given) {
      const cipher = make.apply(this, given);
      const { update, final } = cipher;
      const record = { key: madeOf.get(given[1]) ?? given[1], options: given[3] };
      equal(uses.has(given[1]), false, 'a KeyObject is used once');
      if (madeOf.has(given[1])) uses.add(given[1]);
      seen.push(record);
      record.gave = [];
      const updated = (data) => {
        record.gave.push(update.apply(cipher, data));
        return record.gave.at(-1);
      };
      cipher.update = (...data) => (spoil.update ?? ((call) => call()))(() => updated(data));
      cipher.final = () => (spoil.final ?? ((call) => call()))(() => final.call(cipher));
      return cipher;
    };
  const subtle = globalThis.SubtleCrypto.prototype;
  const { encrypt, decrypt } = subtle;
  const never = () => {
    throw new Error('WebCrypto was called');
  };
  try {
    Object.assign(crypto, {
      createCipheriv: watch(createCipheriv),
      createDecipheriv: watch(createDecipheriv),
      createSecretKey(bytes) {
        const made = createSecretKey(bytes);
        madeOf.set(made, bytes);
        return made;
      },
    });
    Object.assign(subtle, { encrypt: never, decrypt: never });
    const key = new api.Key(api.generateKey());
    const ring = new api.KeyRing([api.generateKey(), api.generateKey()]);
    const user = '1bb044aa-ded1-40c7-8a88-433e74903f95';
    const ways = [
      [(data) => ring.encryptToken(String.fromCharCode(...data), user), (sealed) => ring.decryptToken(sealed, user)],
      [(data) => key.seal(data), (sealed) => key.open(sealed)],
      [(data) => key.seal(String.fromCharCode(...data)), (sealed) => key.openText(sealed)],
      [(data) => key.sealAsync(data), (sealed) => key.openAsync(sealed)],
      [(data) => api.encrypt(data, key), (sealed) => api.decrypt(sealed, key)],
    ];
    for (const [seal, open] of ways) {
      for (const [sizes, count] of [[expected.byModule, 0], [expected.byNodeCrypto, 1]]) {
        for (const size of sizes) {
          seen.length = 0;
          const sealed = await seal(new Uint8Array(size).fill(65));
          equal(seen.length, count, `sealing ${size} bytes: ${seal}`);
          seen.length = 0;
          const opened = await open(sealed);
          equal(opened.length, size, 'the length of the plaintext');
          equal(seen.length, count, `opening ${size} bytes: ${open}`);
          if (opened instanceof Uint8Array) equal(opened.buffer.byteLength, size, 'a buffer of its own');
        }
      }
    }
    // The module takes longer for a byte less than a multiple of 64. AAD costs node:crypto more than the module.
    seen.length = 0;
    key.open(key.seal(new Uint8Array(expected.odd)));
    key.openText(key.seal('x'.repeat(expected.odd)));
    equal(seen.length, 4, `node:crypto for ${expected.odd} bytes`);
    seen.length = 0;
    key.open(key.seal(new Uint8Array(64), 'session'), 'session');
    equal(seen.length, expected.byModule.length > 0 ? 0 : 2, 'the implementation for 64 bytes with AAD');
    seen.length = 0;
    key.open(key.seal('x', new Uint8Array(9000)), new Uint8Array(9000));
    equal(seen.length, 2, 'node:crypto for long AAD');
    // Promises of large values are fulfilled by WebCrypto where it is faster than node:crypto.
    let calls = 0;
    const counted = (call) =>
      function (...given) {
        calls += 1;
        return call.apply(this, given);
      };
    Object.assign(subtle, { encrypt: counted(encrypt), decrypt: counted(decrypt) });
    for (const size of [16 * 1024 - 28, 16 * 1024, 16 * 1024 + 1, 1 << 20]) {
      seen.length = 0;
      const plaintext = new Uint8Array(size).fill(65);
      const sealed = await key.sealAsync(plaintext);
      const opened = await key.openAsync(sealed);
      equal(opened.length === size && opened.every((byte) => byte === 65), true, 'the plaintext');
      const slower = [size, size + 28].filter((each) => each > expected.promises).length;
      equal(seen.length, 2 - slower, `node:crypto for promises of ${size} bytes`);
      equal(calls, slower, `WebCrypto for promises of ${size} bytes`);
      calls = 0;
    }
    Object.assign(subtle, { encrypt: never, decrypt: never });
    // A token that an older key of the ring sealed. The copies of the keys are wiped.
    seen.length = 0;
    const raws = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const old = new api.KeyRing([raws[1]]).encryptToken('x'.repeat(2000), user);
    const both = new api.KeyRing(raws);
    equal(both.decryptToken(old, user).length, 2000, 'an old token');
    equal(seen.length, 3, 'sealed once, and opened with each key in turn');
    equal(seen.every((each) => isZero(each.key)), true, 'the copies of the keys are wiped');
    equal(isWiped(seen[1]) && isWiped(seen[2]), true, 'the token is wiped');
    equal(code(() => both.decryptToken(old, user.replace('1', '2'))), 'ERR_OPEN_FAILED', "another user's token");
    // Plaintext that does not verify is wiped, and a tag must have 16 bytes.
    const sealed = key.seal(new Uint8Array(5000).fill(7));
    equal(seen.at(-1).options.authTagLength, 16, 'authTagLength');
    sealed[77] ^= 1;
    equal(code(() => key.open(sealed)), 'ERR_OPEN_FAILED', 'altered');
    equal(seen.at(-1).options.authTagLength, 16, 'authTagLength');
    equal(seen.at(-1).gave[0].length, 5000, 'the result of update');
    equal(isWiped(seen.at(-1)), true, 'the result of update is wiped');
    const large = key.seal(new Uint8Array(50_000).fill(7));
    large[77] ^= 1;
    equal(code(() => key.open(large)), 'ERR_OPEN_FAILED', 'large and altered');
    equal(isWiped(seen.at(-1)), true, 'all results of update are wiped');
    sealed[77] ^= 1;
    equal(code(() => key.open(sealed.subarray(0, -8))), 'ERR_OPEN_FAILED', 'cut off');
    key.openText(sealed);
    equal(isWiped(seen.at(-1)), true, 'bytes are wiped once they are text');
    // Only a failed authentication causes ERR_OPEN_FAILED.
    for (const spoil of ['update', 'final']) {
      for (const [error, expectedCode] of [[new Error('out of luck'), 'ERR_INTERNAL'], [new RangeError('out of memory'), 'ERR_TOO_LARGE']]) {
        crypto.createDecipheriv = watch(createDecipheriv, {
          [spoil](call) {
            call();
            throw error;
          },
        });
        equal(code(() => key.open(sealed)), expectedCode, `${spoil} that throws`);
        if (spoil === 'final') equal(isWiped(seen.at(-1)), true, 'the result of update is wiped');
      }
    }
    crypto.createDecipheriv = watch(createDecipheriv);
    equal(key.open(sealed).length, 5000, 'opening works after failures');
    const raw = seen.at(-1).key;
    equal(raw.constructor === Uint8Array && raw.buffer.byteLength === 32 && !isZero(raw), true, 'a raw key of 32 bytes');
    key.free();
    equal(isZero(raw), true, 'the raw key is wiped');
  } finally {
    Object.assign(crypto, { createCipheriv, createDecipheriv, createSecretKey });
    Object.assign(subtle, { encrypt, decrypt });
  }
  return cases;
}
