// Tests the size of bundles with the package, and how readable they are.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';
import { build as rolldown } from 'vite';

const here = fileURLToPath(new URL('.', import.meta.url));
let cases = 0;
const check = (is, what) => {
  cases += 1;
  assert(is, what);
};

async function byEsbuild(contents, options) {
  return build({
    stdin: { contents, resolveDir: here },
    bundle: true,
    format: 'esm',
    minify: true,
    write: false,
    outdir: here,
    loader: { '.wasm': 'copy' },
    logLevel: 'error',
    metafile: true,
    ...options,
  });
}

async function bundled(contents, options) {
  const { outputFiles } = await byEsbuild(contents, options);
  return outputFiles.reduce((all, { contents: bytes }) => all + bytes.length, 0);
}

async function byVite(contents) {
  const { output } = await rolldown({
    root: here,
    logLevel: 'error',
    build: { write: false, rolldownOptions: { input: 'virtual' }, modulePreload: false },
    plugins: [{ name: 'virtual', resolveId: (id) => (id === 'virtual' ? `${here}virtual.js` : undefined), load: (id) => (id === `${here}virtual.js` ? contents : undefined) }],
  });
  return output.reduce((all, { code }) => all + Buffer.byteLength(code), 0);
}

const EDGE = { conditions: ['workerd', 'worker', 'browser'] };
for (const [code, most] of [
  ["import 'vetassist';", 50],
  ["import { Key, KeyRing, MasterKey, hashIp } from 'vetassist';", 50],
  ["import { parseUser } from 'vetassist'; console.log(parseUser(row));", 5_000],
  ["import { VetassistError } from 'vetassist'; console.log(VetassistError);", 1_500],
]) {
  for (const [how, size] of [
    ['esbuild', await bundled(code)],
    ['esbuild, for an edge', await bundled(code, EDGE)],
    ['vite', await byVite(code)],
  ]) {
    check(size <= most, `${code} costs ${size} bytes by ${how}, more than ${most}`);
  }
  // Wrangler uploads each module that the bundler meets, even if the script does not use it.
  for (const conditions of [[], ['workerd', 'worker', 'browser'], ['edge-light']]) {
    const { inputs } = (await byEsbuild(code, { conditions })).metafile;
    const met = Object.keys(inputs).filter((path) => /metadata/.test(path));
    check(met.length === 0, `${code} makes the bundler meet ${met}`);
  }
}
const key = "import { Key } from 'vetassist'; console.log(new Key(bytes).seal('x'));";
check((await bundled(key)) > 100_000, 'a Key needs the module');
check((await bundled(key)) < 130_000, 'a Key does not need the module that compares schemas');

// Minified code keeps the names of the classes. The package's own lines are short.
const { outputFiles } = await build({ stdin: { contents: "export * from 'vetassist';", resolveDir: here }, bundle: true, format: 'esm', minify: true, write: false });
const minified = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
for (const name of ['Key', 'MasterKey', 'KeyRing', 'VetassistError']) check(minified[name].name === name, `${name} is called ${minified[name].name}`);
// So do their stack traces, and the errors of structuredClone.
const zeros = new Uint8Array(32);
const thrown = (call) => {
  try {
    return call();
  } catch (error) {
    return error.stack;
  }
};
for (const [names, { Key, KeyRing, MasterKey }] of [['minified', minified], ['packaged', await import('vetassist')]]) {
  const [one, master, ring] = [new Key(zeros), new MasterKey(zeros), new KeyRing([zeros])];
  for (const [call, expected] of [
    [() => one.seal(5), 'at Key.seal'],
    [() => master.deriveUserKey('x'), 'at MasterKey.deriveUserKey'],
    [() => ring.encryptToken(5, 'x'), 'at KeyRing.encryptToken'],
    [() => new KeyRing(5), 'at new KeyRing'],
    [() => KeyRing.parse(5), 'at KeyRing.parse'],
    [() => structuredClone(one), /(#<|\[object )Key[>\]] could not be cloned/],
    [() => structuredClone(master), /(#<|\[object )MasterKey[>\]] could not be cloned/],
    [() => structuredClone({ ring }), /(#<|\[object )KeyRing[>\]] could not be cloned/],
  ]) {
    check(thrown(call).match(expected) !== null, `${names}: ${thrown(call)} does not include ${expected}`);
  }
}
const packaged = (name) => fileURLToPath(new URL(`../node_modules/vetassist/${name}`, import.meta.url));
// All files except the modules as text, which throw no error.
const code = readdirSync(packaged('dist')).filter((name) => /\.c?js$/.test(name) && !name.startsWith('inline'));
check(code.length > 20, `only ${code} was found`);
for (const name of code) {
  const longest = Math.max(...readFileSync(packaged(`dist/${name}`), 'utf8').split('\n').map((line) => line.length));
  check(longest < 400, `${name} has a line of ${longest} characters`);
}
// Node prints the line, the message and the stack of an uncaught error, so long lines would fill the screen.
for (const uncaught of ["require('vetassist').hashIp('x')", "require('vetassist/metadata').checkEventData({ password: 'hunter2' })"]) {
  const { status, stderr } = spawnSync(process.execPath, ['-e', uncaught], { cwd: here, encoding: 'utf8' });
  check(status === 1 && /VetassistError: .+\n/.test(stderr), stderr);
  check(stderr.length < 2_000, `${uncaught} prints ${stderr.length} characters`);
}
for (const name of ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md']) check(statSync(packaged(name)).size > 500, name);
// GitHub's workflows, which build the releases, name the repository.
const { repository } = JSON.parse(readFileSync(packaged('package.json'), 'utf8'));
const { GITHUB_REPOSITORY, GITHUB_SERVER_URL } = process.env;
check(repository?.url === (GITHUB_REPOSITORY ? `git+${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}.git` : undefined), `the repository is ${repository?.url}`);
const module = brotliCompressSync(readFileSync(packaged('dist/vetassist.wasm'))).length;
check(module <= 20_000, `the module is ${module} bytes under brotli`);
console.log(`sizes: ${cases} cases agree`);
