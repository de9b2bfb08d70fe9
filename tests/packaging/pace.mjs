// Which way sealAsync takes, where the runtime's clock lets it learn: with a WebCrypto that is made slow, and with one
// that answers at once.

const ROUNDS = 600;

/** Of so many calls one after the other, which share WebCrypto had; the last half of them, when there was time to learn. */
async function share(key, size, calls) {
  const data = new Uint8Array(size).fill(7);
  for (let i = 0; i < ROUNDS / 2; i++) await key.sealAsync(data);
  const before = calls();
  for (let i = 0; i < ROUNDS / 2; i++) await key.sealAsync(data);
  return (calls() - before) / (ROUNDS / 2);
}

/** Throws if it is wrong; says how many cases there were. */
export async function paced(api) {
  const { prototype } = globalThis.SubtleCrypto;
  const { encrypt } = prototype;
  const key = new api.Key(api.generateKey());
  let count = 0;
  const answer = (work) => {
    prototype.encrypt = function (...given) {
      count += 1;
      return work.call(this, given);
    };
  };
  const expect = (what, is, found) => {
    if (!is) throw new Error(`${what}: WebCrypto had ${found} of the calls`);
  };
  try {
    answer(async function slow(given) {
      const body = await encrypt.apply(this, given);
      const until = performance.now() + 0.5;
      while (performance.now() < until);
      return body;
    });
    // As much as a thread's turn never takes, and yet a probe now and then.
    let found = await share(key, 8192, () => count);
    expect('slow, 8 KiB', found > 0 && found < 0.2, found);
    found = await share(key, 512, () => count);
    expect('slow, 512 B', found === 0, found);
    answer((given) => Promise.resolve(new ArrayBuffer(given[2].byteLength + 16)));
    found = await share(key, 8192, () => count);
    expect('at once, 8 KiB', found > 0.9, found);
    found = await share(key, 512, () => count);
    expect('at once, 512 B', found === 0, found);
  } finally {
    prototype.encrypt = encrypt;
  }
  const sealed = await key.sealAsync(new Uint8Array(8192).fill(7));
  if (key.open(sealed).length !== 8192) throw new Error('what it sealed does not open');
  return 5;
}
