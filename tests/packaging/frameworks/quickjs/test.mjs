// Tests the package in QuickJS, which has no WebAssembly: calls that need it fail with a clear error, and others work.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { getQuickJS } from 'quickjs-emscripten';

const { outputFiles } = await build({
  stdin: { contents: "export * from 'vetassist';", resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
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
for (const call of ['new api.Key(new Uint8Array(32))', "api.hashIp('::1')", 'api.generateKey()', 'api.checkSchema([])', "new api.KeyRing(['0'.repeat(64)])"]) {
  assert.match(inside(call), /^VetassistError (ERR_WASM_UNAVAILABLE this runtime has no WebAssembly|ERR_UNSUPPORTED_RUNTIME this runtime has no Text)/, call);
}
assert.match(inside('api.parseUser({})'), /^VetassistError ERR_INVALID_ROW vetassist_users\.id/);
context.dispose();
console.log('QuickJS: 6 cases agree');
