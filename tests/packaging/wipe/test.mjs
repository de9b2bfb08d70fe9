// Tests that the module's memory holds no key after free(), and no plaintext after a call.
import assert from 'node:assert/strict';

let memory;
const { Instance } = WebAssembly;
WebAssembly.Instance = class extends Instance {
  constructor(...given) {
    super(...given);
    memory = this.exports.memory;
  }
};
const api = await import('vetassist');

const USER = '1bb044aa-ded1-40c7-8a88-433e74903f95';
const holds = (bytes) => Buffer.from(memory.buffer).includes(Buffer.from(bytes));
let cases = 0;
const check = (found, expected, what) => {
  cases += 1;
  assert.equal(found, expected, what);
};

const snapshot = () => Buffer.from(memory.buffer).toString('latin1');

// The cipher stores a key as its schedule, whose bytes differ from the key's. So the test searches for all bytes that differ
// between the memory after the use of one key and after the same use of another.
function checkWiped(kind, make, use) {
  const usedOnce = () => {
    const raw = crypto.getRandomValues(new Uint8Array(32));
    const object = make(raw);
    use(object);
    const before = snapshot();
    const seen = holds(raw);
    object.free();
    return { raw, before, seen };
  };
  usedOnce(); // After this the memory has its final size and layout.
  const [one, { raw, before, seen }] = [usedOnce(), usedOnce()];
  const after = snapshot();
  let material = 0;
  for (let at = 0; at < before.length; at += 8) {
    const piece = before.slice(at, at + 8);
    // Fingerprints and hashes are public. Only they are hexadecimal text.
    if (piece === one.before.slice(at, at + 8) || /^[\da-f]{8}$/.test(piece)) continue;
    material += 8;
    check(after.includes(piece), false, `${kind}: 8 bytes at ${at} are left`);
  }
  check(holds(raw), false, `${kind}: the key is left`);
  check(holds(Buffer.from(hex(raw))), false, `${kind}: the key's text is left`);
  check(material >= 32, true, `${kind}: only ${material} bytes depended on the key`);
  return seen;
}

const refused = (call) => assert.throws(call, { code: 'ERR_OPEN_FAILED' });
const garbage = new Uint8Array(40);
const useKey = (key) => refused(() => key.open(garbage));
const useRing = (ring) => refused(() => ring.decryptToken(garbage, USER));
const useMaster = (master) => {
  master.fingerprint();
  api.hashIpKeyed('::1', master);
};
const derived = (raw) => {
  const master = new api.MasterKey(raw);
  const key = master.deriveUserKey(USER);
  master.free();
  return key;
};
const hex = (raw) => Buffer.from(raw).toString('hex');
const seen = [
  checkWiped('Key', (raw) => new api.Key(raw), useKey),
  checkWiped('a derived Key', derived, useKey),
  checkWiped('MasterKey', (raw) => new api.MasterKey(raw), useMaster),
  checkWiped('MasterKey of text', (raw) => new api.MasterKey(hex(raw)), useMaster),
  checkWiped('KeyRing', (raw) => new api.KeyRing([raw, hex(garbage.slice(0, 32))]), useRing),
  checkWiped('KeyRing of text', (raw) => api.KeyRing.parse(hex(raw)), useRing),
];
check(seen.includes(true), true, 'the search finds a key that is not freed');

// No staging buffer holds plaintext after a call, whether it succeeds or fails.
const key = new api.Key(api.generateKey());
for (const size of [20, 5_000, 400_000]) {
  const secret = Buffer.alloc(size, `a token of ${size} bytes, kept for nobody `);
  const sealed = key.seal(secret);
  const piece = secret.subarray(0, 20);
  check(holds(piece), false, 'after sealing');
  key.open(sealed);
  check(holds(piece), false, 'after opening');
  sealed[sealed.length - 1] ^= 1;
  assert.throws(() => key.open(sealed), { code: 'ERR_OPEN_FAILED' });
  check(holds(piece), false, 'after a failed call');
  key.seal('x', secret);
  check(holds(piece), false, 'AAD');
}
// The stack of the module is the beginning of its memory. After a call each byte of it is wiped, or was not used. Its last bytes
// may hold a nonce or a fingerprint.
const STACK_END = 128 * 1024;
const PUBLIC = 32;
const UNUSED = 0xab;
function checkStack(what, call) {
  new Uint8Array(memory.buffer).fill(UNUSED, 0, STACK_END);
  try {
    call();
  } catch (error) {
    if (!(error instanceof api.VetassistError)) throw error;
  }
  const left = new Uint8Array(memory.buffer, 0, STACK_END - PUBLIC).findIndex((byte) => byte !== UNUSED && byte !== 0);
  check(left, -1, `${what}: the stack is not wiped`);
}
const sixteen = Array.from({ length: 16 }, (_, i) => new Uint8Array(32).fill(i + 1));
const one = crypto.getRandomValues(new Uint8Array(32));
const master = new api.MasterKey(one);
const ring = new api.KeyRing([one, ...sixteen.slice(1)]);
const file = [one, ...sixteen.slice(1)].map(hex).join('\n');
for (const size of [0, 20, 63, 64, 300, 5_000]) {
  const text = 'x'.repeat(size);
  const [sealed, token] = [key.seal(text, 'AAD'), ring.encryptToken(text, USER)];
  const old = new api.KeyRing([sixteen[15]]).encryptToken(text, USER);
  checkStack('seal', () => key.seal(text, 'AAD'));
  checkStack('the first seal of a key', () => new api.Key(one).seal(text));
  checkStack('open', () => key.open(sealed, 'AAD'));
  checkStack('open, refused', () => key.open(sealed));
  checkStack('encryptToken', () => ring.encryptToken(text, USER));
  checkStack('decryptToken', () => ring.decryptToken(token, USER));
  checkStack('decryptToken of an old key', () => ring.decryptToken(old, USER));
  checkStack('decryptToken, refused', () => ring.decryptToken(sealed, USER));
}
checkStack('a Key, freed', () => new api.Key(one).free());
checkStack('a MasterKey, freed', () => new api.MasterKey(one).free());
checkStack('a MasterKey of text, freed', () => new api.MasterKey(hex(one)).free());
checkStack('a KeyRing', () => new api.KeyRing([one, ...sixteen.slice(1)]));
checkStack('a KeyRing of text', () => api.KeyRing.parse(file));
checkStack('a KeyRing of malformed text', () => api.KeyRing.parse(`${file}\n${hex(one).slice(1)}`));
checkStack('a derived Key, freed', () => master.deriveUserKey(USER).free());
checkStack('a key used once', () => api.encrypt('x', one));
checkStack('a master key used once', () => api.hashIpKeyed('::1', one));
checkStack('the hash of an address', () => api.hashIpKeyed('::1', master));
checkStack('an upgraded hash', () => api.upgradeIpHash('a'.repeat(64), master));
checkStack('a ring used once', () => api.fingerprint(ring));
for (const object of [master, ring]) object.free();
const raw = api.generateKey();
check(holds(raw), false, 'a generated key');
api.decrypt(api.encrypt('x', raw), raw);
check(holds(raw), false, 'a key used once');
api.fingerprint(raw);
api.hashIpKeyed('::1', raw);
check(holds(raw), false, 'a master key used once');
console.log(`wiping: ${cases} cases agree`);
