// Tests the package in QuickJS, which has no WebAssembly: calls that need it fail with a clear error, and others work. Tests that
// @noble/ciphers opens and seals the same bytes there, as the README says.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { getQuickJS } from 'quickjs-emscripten';
import { generateKey, Key } from 'vetassist';

const NOBLE = "export { gcm } from '@noble/ciphers/aes.js'; export { bytesToHex, hexToBytes, managedNonce } from '@noble/ciphers/utils.js';";
const { outputFiles } = await build({
  stdin: { contents: `export * from 'vetassist'; ${NOBLE}`, resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
  bundle: true,
  format: 'iife',
  globalName: 'api',
  write: false,
});
const context = (await getQuickJS()).newContext();
const inside = (call) => {
  const code = `${outputFiles[0].text}; try { ${call} } catch (error) { [error.name, error.code, error.message].join(' ') }`;
  return context.unwrapResult(context.evalCode(code)).consume((value) => context.dump(value));
};
for (const call of ['new api.Key(new Uint8Array(32))', "api.hashIp('::1')", 'api.generateKey()', 'api.checkSchema([])', "api.addressOf('203.0.113.7')", "new api.KeyRing(['0'.repeat(64)])"]) {
  assert.match(inside(call), /^VetassistError (ERR_WASM_UNAVAILABLE this runtime has no WebAssembly|ERR_UNSUPPORTED_RUNTIME this runtime has no Text)/, call);
}
assert.match(inside('api.parseUser({})'), /^VetassistError ERR_INVALID_ROW vetassist_users\.id/);

const raw = generateKey();
const key = new Key(raw);
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const noble = `const { bytesToHex, gcm, hexToBytes, managedNonce } = api; const key = managedNonce(gcm)(hexToBytes('${hex(raw)}'), hexToBytes('${hex(Buffer.from('aad'))}'));`;
assert.equal(inside(`${noble} bytesToHex(key.decrypt(hexToBytes('${hex(key.seal('sealed here', 'aad'))}')))`), hex(Buffer.from('sealed here')));
const seals = `${noble} bytesToHex(key.encrypt(hexToBytes('${hex(Buffer.from('sealed there'))}')))`;
assert.match(inside(seals), /getRandomValues must be defined/);
const random = 'globalThis.crypto = { getRandomValues: (bytes) => bytes.map((_, at) => (bytes[at] = Math.random() * 256)) };';
assert.equal(key.openText(Buffer.from(inside(`${random} ${seals}`), 'hex'), 'aad'), 'sealed there');
context.dispose();
console.log('QuickJS: 10 cases agree');
