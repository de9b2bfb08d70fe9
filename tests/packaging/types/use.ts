// Has uses of the package that must compile, and misuses that must not.
import * as api from 'vetassist';
import {
  type AuthAudit,
  type Bytes,
  type BytesLike,
  type ErrorCode,
  Key,
  KeyRing,
  MasterKey,
  type MasterKeyLike,
  type Session,
  type User,
  type VaToken,
  VetassistError,
} from 'vetassist';
import * as slim from 'vetassist/slim';

const raw: Bytes = api.generateKey();
const buffer: ArrayBuffer = raw.buffer;
const given: BytesLike[] = [raw, buffer, new Uint8Array(2), new Uint8Array(new SharedArrayBuffer(2))];

using key = new Key(raw);
const sealed: Uint8Array = key.seal('text', raw);
const opened: Bytes = key.open(sealed, 'aad');
const text: string = key.openText(buffer);
const later: Promise<Bytes>[] = [key.sealAsync(given[0] ?? raw), key.openAsync(sealed)];

using master = new MasterKey('0'.repeat(64));
const derived: Key = master.deriveUserKey('1bb044aa-ded1-40c7-8a88-433e74903f95');
const keys: readonly MasterKeyLike[] = [master, raw, buffer, 'hex'];
using ring = new KeyRing(keys);
const parsed: KeyRing = KeyRing.parse(raw);
const token: string = ring.decryptToken(ring.encryptToken('token', 'user'), 'user');
const names: string[] = [...ring.fingerprints(), master.fingerprint(), api.fingerprint(ring)];
const hashes: string[] = [api.hashIp('::1'), api.hashIpKeyed('::1', ring), api.upgradeIpHash('', master)];
const once: Bytes[] = [api.encrypt('text', key), api.encrypt(raw, raw, raw), api.decrypt(sealed, key)];
const onceText: string = api.decryptText(sealed, raw);

try {
  derived.free();
} catch (error) {
  if (error instanceof VetassistError) {
    const code: ErrorCode = error.code;
    const name: 'VetassistError' = error.name;
    // @ts-expect-error not a code
    const wrong: boolean = error.code === 'ERR_WHATEVER';
    console.log(code, name, wrong);
  }
}

// A page that fetches the module, a Worker that imports it.
const started: Promise<void>[] = [slim.init(fetch('vetassist.wasm')), slim.init(raw)];
slim.initSync(new WebAssembly.Module(raw));
// `VetassistError` and the keys of the two entries are interchangeable as types.
const same: Key = new slim.Key(raw);

// Rows of a driver have these types.
const user = { id: 'x', email: null } as User;
const tokens: Pick<VaToken, 'access_token_encrypted' | 'user_id'> = { access_token_encrypted: raw, user_id: user.id };
const session = {} as Session;
const revoked: Date | null = session.revoked_at;
const audit = {} as AuthAudit;
const id: string = audit.id;

// @ts-expect-error a number is not text
key.seal(5);
// @ts-expect-error nor is an object
key.seal({});
// @ts-expect-error nor an array of numbers
key.seal([1, 2]);
// @ts-expect-error other views are refused
key.seal(new Uint16Array(2));
// @ts-expect-error nothing to seal
key.seal();
// @ts-expect-error a sealed value is no text
key.open('sealed');
// @ts-expect-error a data key is given as bytes
new Key('0'.repeat(64));
// @ts-expect-error keys are called by new
Key(raw);
// @ts-expect-error a ring is made of several
new KeyRing(master);
// @ts-expect-error the user is missing
ring.encryptToken('token');
// @ts-expect-error tokens are text
ring.encryptToken(raw, 'user');
// @ts-expect-error not a promise
api.hashIp('::1').then;
// @ts-expect-error the default entry starts itself
api.init;
// @ts-expect-error a code must be a known one
new VetassistError('ERR_MINE', 'message');
// @ts-expect-error a code is read-only
new VetassistError('ERR_FREED', 'message').code = 'ERR_FREED';

export { hashes, id, later, names, once, onceText, opened, parsed, revoked, same, started, text, token, tokens };
