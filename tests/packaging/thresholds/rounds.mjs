// Seals and opens with the module and with WebCrypto, in the same format.

/** Seals and opens with one implementation, `count` times in sequence. */
export async function rounds(api, key, cryptoKey, how, size, count) {
  const plaintext = new Uint8Array(size).fill(7);
  if (how === 'module') {
    for (let i = 0; i < count; i++) key.open(key.seal(plaintext));
    return;
  }
  const { subtle } = crypto;
  for (let i = 0; i < count; i++) {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const body = await subtle.encrypt({ name: 'AES-GCM', iv }, cryptoKey, plaintext);
    const sealed = new Uint8Array(12 + body.byteLength);
    sealed.set(iv);
    sealed.set(new Uint8Array(body), 12);
    await subtle.decrypt({ name: 'AES-GCM', iv: sealed.subarray(0, 12) }, cryptoKey, sealed.subarray(12));
  }
}

export const SIZES = [256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];

export async function keys(api) {
  const raw = api.generateKey();
  const cryptoKey = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']);
  return [new api.Key(raw), cryptoKey];
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** Returns for each size the module's time divided by WebCrypto's: medians of batches that take turns. */
export async function ratios(run) {
  const found = [];
  for (const size of SIZES) {
    const count = Math.max(20, Math.round(2_000_000 / (size + 1000)));
    const times = { module: [], webcrypto: [] };
    for (let batch = 0; batch < 8; batch++) {
      for (const how of Object.keys(times)) {
        const started = performance.now();
        await run(how, size, count);
        // The first batch warms up the compilers.
        if (batch > 0) times[how].push((performance.now() - started) / count);
      }
    }
    found.push([size, median(times.module) / median(times.webcrypto), 1000 * median(times.module)]);
  }
  return found;
}
