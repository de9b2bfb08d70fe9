// The same work in different ways: with this package and with the alternatives.
import { gcm } from '@noble/ciphers/aes.js';
import { managedNonce } from '@noble/ciphers/utils.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

const IV = 12;
const TAG = 16;
const TOGETHER = 64;
const IN_FLIGHT = `, ${TOGETHER} in flight`;

/** Returns a function that seals or opens so many times in one of the ways. */
export async function prepared(api, crypto, nodeCrypto) {
  const raw = new Uint8Array(32).fill(3);
  const key = new api.Key(raw);
  const noble = managedNonce(gcm)(raw);
  const { subtle } = crypto;
  const cryptoKey = await subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']);

  const webSeal = async (plaintext) => {
    const iv = crypto.getRandomValues(new Uint8Array(IV));
    const body = new Uint8Array(await subtle.encrypt({ name: 'AES-GCM', iv }, cryptoKey, plaintext));
    const sealed = new Uint8Array(IV + body.length);
    sealed.set(iv);
    sealed.set(body, IV);
    return sealed;
  };
  const webOpen = async (sealed) =>
    new Uint8Array(await subtle.decrypt({ name: 'AES-GCM', iv: sealed.subarray(0, IV) }, cryptoKey, sealed.subarray(IV)));

  const ways = {
    vetassist: { seal: (data) => key.seal(data), open: (data) => key.open(data) },
    '@noble/ciphers': { seal: (data) => noble.encrypt(data), open: (data) => noble.decrypt(data) },
    WebCrypto: { seal: webSeal, open: webOpen, awaited: true },
    [`WebCrypto${IN_FLIGHT}`]: { seal: webSeal, open: webOpen, together: TOGETHER },
    'sealAsync and openAsync': { seal: (data) => key.sealAsync(data), open: (data) => key.openAsync(data), awaited: true },
  };
  if (nodeCrypto !== undefined) {
    const { createCipheriv, createDecipheriv, randomBytes } = nodeCrypto;
    ways['node:crypto'] = {
      seal(plaintext) {
        const iv = randomBytes(IV);
        const cipher = createCipheriv('aes-256-gcm', raw, iv);
        const body = cipher.update(plaintext);
        return Buffer.concat([iv, body, cipher.final(), cipher.getAuthTag()]);
      },
      open(sealed) {
        const decipher = createDecipheriv('aes-256-gcm', raw, sealed.subarray(0, IV));
        decipher.setAuthTag(sealed.subarray(-TAG));
        return Buffer.concat([decipher.update(sealed.subarray(IV, -TAG)), decipher.final()]);
      },
    };
  }
  const hashes = {
    vetassist: (address) => api.hashIp(address),
    '@noble/hashes': (address) => bytesToHex(sha256(utf8ToBytes(address))),
  };

  // The addresses are created here, because `run` is timed.
  const addresses = Array.from({ length: 256 }, (_, i) => `203.0.113.${i}`);

  // The inputs are created here, because `run` is timed, and sealing a MiB takes as long as opening it.
  const inputs = new Map();
  const input = (action, size) => {
    const name = `${action} ${size}`;
    if (!inputs.has(name)) {
      const plaintext = new Uint8Array(size).fill(7);
      inputs.set(name, action === 'seal' ? plaintext : key.seal(plaintext));
    }
    return inputs.get(name);
  };

  /** Runs an action `count` times. */
  async function run(action, way, size, count) {
    if (action === 'hash') {
      const hash = hashes[way];
      for (let i = 0; i < count; i++) hash(addresses[i & 255]);
      return;
    }
    const { [action]: work, awaited, together } = ways[way];
    const data = input(action, size);
    if (together !== undefined) {
      for (let done = 0; done < count; done += together) {
        await Promise.all(Array.from({ length: together }, () => work(data)));
      }
    } else if (awaited) {
      for (let i = 0; i < count; i++) await work(data);
    } else {
      for (let i = 0; i < count; i++) work(data);
    }
  }

  // Each way opens the values of another, which shows that they do the same work.
  const text = utf8ToBytes('the same bytes');
  for (const seals of Object.values(ways)) {
    for (const opens of Object.values(ways)) {
      const opened = await opens.open(await seals.seal(text));
      if (String(Array.from(opened)) !== String(Array.from(text))) throw new Error('the ways do not agree');
    }
  }
  if (hashes.vetassist('203.0.113.7') !== hashes['@noble/hashes']('203.0.113.7')) throw new Error('the hashes do not agree');
  return { names: Object.keys(ways), run };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** Returns the nanoseconds of each way, round by round. The ways run in turns. */
export async function inTurns(run, action, ways, size, { rounds, sample }) {
  const counts = {};
  for (const way of ways) {
    // The count is a multiple of the batch, so that as many calls are in flight as the way's name says.
    const batch = way.endsWith(IN_FLIGHT) ? TOGETHER : 1;
    let count = batch;
    const took = async () => {
      const started = performance.now();
      await run(action, way, size, count);
      return performance.now() - started;
    };
    // The first run does not count, because a starting module or a compiler may slow it down. A count is kept when
    // it has filled the sample twice in a row.
    if (sample > 1) await took();
    for (let filled = 0; filled < 2; ) {
      const time = await took();
      if (time >= sample / 2) {
        filled += 1;
        count = batch * Math.max(1, Math.ceil((count * sample) / time / batch));
      } else {
        filled = 0;
        count *= time < sample / 20 ? 8 : 2;
      }
    }
    counts[way] = count;
  }
  const times = Object.fromEntries(ways.map((way) => [way, []]));
  for (let round = 0; round < rounds; round++) {
    for (const way of round % 2 ? ways.toReversed() : ways) {
      let took = 0;
      // A browser's clock may not advance during a short sample.
      for (let count = counts[way]; took === 0; count *= 2) {
        const started = performance.now();
        await run(action, way, size, count);
        took = ((performance.now() - started) * 1e6) / count;
      }
      times[way].push(took);
    }
  }
  return times;
}

const label = (size) => (size < 1024 ? `${size} B` : size < 1 << 20 ? `${size >> 10} KiB` : `${size >> 20} MiB`);

/** Returns the comparisons of times, with their targets. */
export function compared(runtime, action, size, times) {
  const line = (ours, other, target) => ({
    family: `edge-${runtime}`,
    what: action === 'hash' ? 'hashIp' : `${action} ${label(size)}`,
    ours,
    other,
    unit: 'ns',
    target,
    rounds: times[ours].map((time, round) => [time, times[other][round]]),
  });
  if (action === 'hash') return [line('vetassist', '@noble/hashes', 1 / 2)];
  const lines = [];
  lines.push(line('vetassist', '@noble/ciphers', size <= 1024 ? 1 / 3.5 : size >= 16_384 ? 1 / 1.5 : null));
  lines.push(line('vetassist', 'WebCrypto', runtime === 'node' && size <= 4096 ? 1 : null));
  lines.push(line('vetassist', `WebCrypto${IN_FLIGHT}`, null));
  if (times['node:crypto']) lines.push(line('vetassist', 'node:crypto', 1.15));
  const better = median(times.vetassist) <= median(times.WebCrypto) ? 'vetassist' : 'WebCrypto';
  lines.push(line('sealAsync and openAsync', better, 1.2));
  return lines;
}

export const SIZES = [32, 1024, 4096, 16_384, 1 << 20];

/** Measures everything in one runtime, and passes on each comparison as soon as it is complete. */
export async function all(runtime, names, run, effort, say) {
  for (const action of ['seal', 'open']) {
    for (const size of SIZES) {
      for (const comparison of compared(runtime, action, size, await inTurns(run, action, names, size, effort))) say(comparison);
    }
  }
  const hashes = await inTurns(run, 'hash', ['vetassist', '@noble/hashes'], 0, effort);
  for (const comparison of compared(runtime, 'hash', 0, hashes)) say(comparison);
}
