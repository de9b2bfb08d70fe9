// The same work in the ways that a user has, and how long each takes.
import { gcm } from '@noble/ciphers/aes.js';
import { managedNonce } from '@noble/ciphers/utils.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

const IV = 12;
const TAG = 16;

/** Seals or opens so many times, in the way named. */
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
    'WebCrypto, 64 in flight': { seal: webSeal, open: webOpen, together: 64 },
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

  /** Does it `count` times. */
  async function run(action, way, size, count) {
    if (action === 'hash') {
      const hash = hashes[way];
      for (let i = 0; i < count; i++) hash(`203.0.${(i >> 8) & 255}.${i & 255}`);
      return;
    }
    const { [action]: work, awaited, together } = ways[way];
    const plaintext = new Uint8Array(size).fill(7);
    const data = action === 'seal' ? plaintext : key.seal(plaintext);
    if (together !== undefined) {
      for (let done = 0; done < count; done += together) {
        await Promise.all(Array.from({ length: Math.min(together, count - done) }, () => work(data)));
      }
    } else if (awaited) {
      for (let i = 0; i < count; i++) await work(data);
    } else {
      for (let i = 0; i < count; i++) work(data);
    }
  }

  // Each way's results open in another's: what is compared does the same.
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

/** Nanoseconds of each way, round by round, in turns. */
export async function inTurns(run, action, ways, size, { rounds, sample }) {
  const counts = {};
  for (const way of ways) {
    // From few to as many as fill the sample; that also warms up.
    let count = 1;
    for (;;) {
      const started = performance.now();
      await run(action, way, size, count);
      const took = performance.now() - started;
      if (took >= sample / 2) {
        counts[way] = Math.max(1, Math.ceil((count * sample) / took));
        break;
      }
      count *= took < sample / 20 ? 8 : 2;
    }
  }
  const times = Object.fromEntries(ways.map((way) => [way, []]));
  for (let round = 0; round < rounds; round++) {
    for (const way of round % 2 ? ways.toReversed() : ways) {
      const started = performance.now();
      await run(action, way, size, counts[way]);
      times[way].push(((performance.now() - started) * 1e6) / counts[way]);
    }
  }
  return times;
}

const label = (size) => (size < 1024 ? `${size} B` : size < 1 << 20 ? `${size >> 10} KiB` : `${size >> 20} MiB`);

/** What times say, with what is promised of them. */
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
  lines.push(line('vetassist', '@noble/ciphers', size <= 1024 ? 1 / 3.5 : size === 1 << 20 ? 1 / 1.5 : null));
  lines.push(line('vetassist', 'WebCrypto', runtime === 'node' && size <= 4096 ? 1 : null));
  lines.push(line('vetassist', 'WebCrypto, 64 in flight', null));
  if (times['node:crypto']) lines.push(line('vetassist', 'node:crypto', null));
  const better = median(times.vetassist) <= median(times.WebCrypto) ? 'vetassist' : 'WebCrypto';
  lines.push(line('sealAsync and openAsync', better, 1.2));
  return lines;
}

export const SIZES = [32, 1024, 4096, 16_384, 1 << 20];

/** Everything in one runtime, which says each comparison as it has it. */
export async function all(runtime, names, run, effort, say) {
  for (const action of ['seal', 'open']) {
    for (const size of SIZES) {
      for (const comparison of compared(runtime, action, size, await inTurns(run, action, names, size, effort))) say(comparison);
    }
  }
  const hashes = await inTurns(run, 'hash', ['vetassist', '@noble/hashes'], 0, effort);
  for (const comparison of compared(runtime, 'hash', 0, hashes)) say(comparison);
}
