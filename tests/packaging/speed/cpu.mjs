// Measures in the runtime that runs this: what a seal and an open take by the module alone, by node:crypto and by the
// package, in nanoseconds, the least of many rounds that take turns.
import * as nodeCrypto from 'node:crypto';
import * as api from 'vetassist';

const SIZES = (process.env.SIZES ?? "32,128,256,384,512,640,768,1024,2048,4096,16384,65536,1048576").split(",").map(Number);
const [rounds = 60, sample = 2] = process.argv.slice(2).map(Number);

/** Another copy of the package, which finds no node:crypto. */
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
  // As its users write it.
  'node:crypto': {
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

if (process.env.VETASSIST_BASELINE !== undefined) {
  const before = await import(process.env.VETASSIST_BASELINE);
  const key = new before.Key(raw);
  ways.before = { seal: (data) => key.seal(data), open: (data) => key.open(data) };
}

const cpu = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
const found = [];
for (const size of SIZES) {
  for (const action of ['seal', 'open']) {
    const data = action === 'seal' ? new Uint8Array(size).fill(7) : ours.seal(new Uint8Array(size).fill(7));
    const least = {};
    const counts = {};
    for (const [name, { [action]: work }] of Object.entries(ways)) {
      let count = 1;
      for (let took = 0; took < sample; count *= 2) {
        const started = cpu();
        for (let i = 0; i < count; i++) work(data);
        took = cpu() - started;
      }
      counts[name] = count / 2;
      least[name] = Number.POSITIVE_INFINITY;
    }
    for (let round = 0; round < rounds; round++) {
      for (const [name, { [action]: work }] of Object.entries(ways)) {
        const count = counts[name];
        const started = cpu();
        for (let i = 0; i < count; i++) work(data);
        least[name] = Math.min(least[name], ((cpu() - started) * 1e6) / count);
      }
    }
    found.push({ size, action, ...least });
  }
}
console.log(JSON.stringify(found));
