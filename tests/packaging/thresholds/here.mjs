// Measures in this runtime the CPU time of sealing and opening with the module alone, with node:crypto and with the package, in
// nanoseconds: the minimum of many rounds that take turns. CPU time includes garbage collection on other threads, and does not
// include the work of other programs.
import * as nodeCrypto from 'node:crypto';
import process from 'node:process';
import * as api from 'vetassist';

// The module is slower between multiples of 64.
const SIZES = [32, 48, 63, 64, 80, 100, 127, 128, 160, 192, 255, 256, 300, 384, 511, 512, 768, 1000, 1024, 2048, 4096, 16_384, 65_536, 1 << 20];
const [rounds = 15, sample = 10, ...sizes] = process.argv.slice(2).map(Number);

const now = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};

/** Returns a key of another copy of the package that does not find node:crypto. */
async function moduleOnly() {
  const { getBuiltinModule } = process;
  process.getBuiltinModule = undefined;
  try {
    const copy = await import('../node_modules/vetassist/dist/index.js');
    const key = new copy.Key(raw);
    key.open(key.seal('x'));
    return key;
  } finally {
    process.getBuiltinModule = getBuiltinModule;
  }
}

const raw = nodeCrypto.randomBytes(32);
const [ours, module] = [new api.Key(raw), await moduleOnly()];
const ways = {
  ours: { seal: (data) => ours.seal(data), open: (data) => ours.open(data) },
  module: { seal: (data) => module.seal(data), open: (data) => module.open(data) },
  // Typical code with node:crypto.
  node: {
    seal(plaintext) {
      const iv = nodeCrypto.randomBytes(12);
      const cipher = nodeCrypto.createCipheriv('aes-256-gcm', raw, iv);
      const body = cipher.update(plaintext);
      return Buffer.concat([iv, body, cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed) {
      const decipher = nodeCrypto.createDecipheriv('aes-256-gcm', raw, sealed.subarray(0, 12), { authTagLength: 16 });
      decipher.setAuthTag(sealed.subarray(-16));
      return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
    },
  },
};

/** Returns the nanoseconds of each implementation, the minimum of all rounds. */
function least(action, data) {
  const counts = {};
  const found = {};
  const took = (name, count) => {
    const { [action]: work } = ways[name];
    const started = now();
    for (let i = 0; i < count; i++) work(data);
    return now() - started;
  };
  for (const name of Object.keys(ways)) {
    counts[name] = 1;
    // The minimum of three, because a round may include compilation or garbage collection.
    const quickest = () => Math.min(...[1, 2, 3].map(() => took(name, counts[name])));
    while (quickest() < sample * 500_000) counts[name] *= 2;
    found[name] = Infinity;
  }
  const names = Object.keys(ways);
  for (let round = 0; round < rounds; round++) {
    for (const name of names) found[name] = Math.min(found[name], took(name, counts[name]) / counts[name]);
    // Another one begins the next round, because the garbage of one may be collected in the time of the one after it.
    names.push(names.shift());
  }
  return found;
}

const found = [];
for (const size of sizes.length > 0 ? sizes : SIZES) {
  const plaintext = new Uint8Array(size).fill(7);
  found.push({ size, action: 'seal', ...least('seal', plaintext) });
  found.push({ size, action: 'open', ...least('open', ours.seal(plaintext)) });
}
console.log(JSON.stringify(found));
