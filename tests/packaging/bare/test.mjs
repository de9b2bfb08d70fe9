// Tests the package without its .wasm files, without the permission to read, without TextEncoder and without WebAssembly.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import { build } from 'esbuild';

const folder = mkdtempSync(join(tmpdir(), 'vetassist-bare-'));
let cases = 0;
const equal = (found, expected, what) => {
  cases += 1;
  assert.equal(found, expected, what);
};

// A copy of the package without its .wasm files, and code that imports it.
const packaged = join(folder, 'node_modules/vetassist');
cpSync(fileURLToPath(new URL('../node_modules/vetassist', import.meta.url)), packaged, { recursive: true });
for (const name of readdirSync(join(packaged, 'dist'))) if (name.endsWith('.wasm')) rmSync(join(packaged, 'dist', name));
const USE = 'const key = new api.Key(api.generateKey()); console.log(key.openText(key.seal("worked")), api.checkSchema([]).length);';
writeFileSync(join(folder, 'imported.mjs'), `import * as api from 'vetassist'; ${USE}`);
writeFileSync(join(folder, 'required.cjs'), `const api = require('vetassist'); ${USE}`);
const permission = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
try {
  for (const name of ['imported.mjs', 'required.cjs']) {
    for (const flags of [[], [permission, `--allow-fs-read=${folder}/*`]]) {
      const said = execFileSync(process.execPath, ['--no-warnings', ...flags, join(folder, name)], { encoding: 'utf8' });
      equal(said, 'worked 13\n', `${name} ${flags}`);
    }
  }

  // A call that a stack overflow interrupts does not make later calls wait for ever: they work, or they fail.
  writeFileSync(
    join(folder, 'overflow.mjs'),
    `import { hashIp, Key } from 'vetassist';
    const key = new Key(new Uint8Array(32));
    const calls = [() => key.seal('x'), () => hashIp('::1'), () => new Key(new Uint8Array(32)).free()];
    for (const call of calls) for (let i = 0; i < 3000; i++) call();
    const found = new Set();
    const note = (call) => {
      try {
        call();
        found.add('worked');
      } catch (error) {
        found.add(error.code ?? error.name);
      }
    };
    for (let round = 0; round < 200; round++) {
      let left = 200;
      const overflow = () => {
        try {
          overflow();
        } catch (error) {
          if (left-- > 0) note(calls[round % calls.length]);
          throw error;
        }
      };
      const from = (depth) => (depth > 0 ? from(depth - 1) : note(overflow));
      from(round % 97);
    }
    note(calls[0]);
    console.log([...found].sort().join());`,
  );
  const overflowed = execFileSync(process.execPath, [join(folder, 'overflow.mjs')], { encoding: 'utf8', timeout: 60_000 });
  equal(['ERR_INTERNAL,RangeError\n', 'ERR_INTERNAL,RangeError,worked\n', 'RangeError,worked\n'].includes(overflowed), true, `after a stack overflow: ${overflowed}`);

  // A context that has only JavaScript itself.
  const bundle = async (contents, platform) => {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: folder },
      bundle: true,
      format: 'iife',
      globalName: 'api',
      platform,
      conditions: [],
      logLevel: 'error',
      mainFields: platform === 'neutral' ? ['main'] : undefined,
      write: false,
    });
    return outputFiles[0].text;
  };
  for (const platform of ['neutral', 'browser', 'node']) {
    const code = await bundle("export * from 'vetassist';", platform);
    const inside = (names, call) => {
      const context = vm.createContext({ console, crypto: globalThis.crypto, ...names });
      return vm.runInContext(`${code}; try { ${call} } catch (error) { [error.name, error.code, error.message].join(' ') }`, context);
    };
    const encoders = { TextEncoder, TextDecoder };
    const seals = "const key = new api.Key(new Uint8Array(32)); key.openText(key.seal('worked'))";
    equal(inside(encoders, seals), 'worked', `for ${platform}, with encoders and WebAssembly`);
    equal(inside({}, seals), 'VetassistError ERR_UNSUPPORTED_RUNTIME this runtime has no TextDecoder', `for ${platform}, without encoders`);
    const without = inside({ ...encoders, WebAssembly: undefined }, seals);
    equal(without, 'VetassistError ERR_WASM_UNAVAILABLE this runtime has no WebAssembly, and this package does not run without it', `for ${platform}`);
    const noRandomness = inside({ ...encoders, crypto: undefined }, seals);
    equal(noRandomness.startsWith('VetassistError ERR_NO_RANDOMNESS'), true, noRandomness);
    // A function without a module works without WebAssembly.
    equal(inside({ WebAssembly: undefined }, 'api.parseUser({})'), 'VetassistError ERR_INVALID_ROW vetassist_users.id must be a UUID, and is missing', `for ${platform}`);
  }

  // The fake provider needs neither Node nor PGlite, so its bundles do not need them either.
  for (const platform of ['neutral', 'browser', 'node']) {
    const code = await bundle("export * from 'vetassist/testing';", platform);
    const context = vm.createContext({ crypto: globalThis.crypto, TextEncoder, TextDecoder });
    equal(vm.runInContext(`${code}; api.provider().issue().token_type`, context), 'Bearer', `vetassist/testing for ${platform}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log(`runtimes without parts of the platform: ${cases} cases agree`);
