// Makes the package of the module and its glue: node build.mjs <folder with glue/> --version <x.y.z>
//
// `cargo xtask npm` runs this after it has built the module.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2]);
const version = process.argv[process.argv.indexOf('--version') + 1];

// Both kB are of 1000 bytes.
const MAX_WASM_BROTLI = 20_000;
const MAX_TARBALL = 110_000;

// What the supported runtimes understand, and no more.
const FEATURES = [
  'bulk-memory',
  'bulk-memory-opt',
  'multivalue',
  'mutable-globals',
  'nontrapping-float-to-int',
  'reference-types',
  'sign-ext',
  'simd',
];

const manifest = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
if (manifest.version !== version) {
  throw new Error(`package.json has version ${manifest.version}, the workspace has ${version}`);
}

const stage = join(out, 'package');
const dist = join(stage, 'dist');
rmSync(stage, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });

/** Optimises a module into the package, and returns its bytes. */
function optimised(from, name, level) {
  const to = join(dist, name);
  execFileSync(process.execPath, [
    join(here, 'node_modules/binaryen/bin/wasm-opt'),
    level,
    '--converge',
    '--mvp-features',
    ...FEATURES.map((feature) => `--enable-${feature}`),
    '--strip-debug',
    '--strip-dwarf',
    '--strip-producers',
    '--strip-target-features',
    join(out, 'glue', from),
    '-o',
    to,
  ]);
  const bytes = readFileSync(to);
  if (!WebAssembly.validate(bytes)) throw new Error(`${name}, optimised, is not valid`);
  return bytes;
}

const module = optimised('glue_bg.wasm', 'vetassist.wasm', '-O3');
const schema = optimised('schema.wasm', 'schema.wasm', '-Oz');

for (const format of ['esm', 'cjs']) {
  await build({
    entryPoints: [join(here, 'src/core.js')],
    outfile: join(dist, format === 'esm' ? 'core.js' : 'core.cjs'),
    alias: { '#glue': join(out, 'glue/glue.js') },
    bundle: true,
    // The query that finds out what there is stands beside the comparison, in the core.
    loader: { '.sql': 'text' },
    format,
    target: 'es2022',
    // Readable enough for a stack trace; comments stay in the sources.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logOverride: { 'empty-import-meta': 'silent' },
  });
}

// Hexadecimal and not base64: it keeps bytes apart, so that compression sees what it sees in the module
// itself, and the page that loads it transfers a quarter less.
const inline = `const digit = (hex, at) => {
  const unit = hex.charCodeAt(at);
  return unit - (unit > 57 ? 87 : 48);
};

const decode = (hex) =>
  Uint8Array.fromHex?.(hex) ??
  Uint8Array.from({ length: hex.length / 2 }, (_, at) => 16 * digit(hex, 2 * at) + digit(hex, 2 * at + 1));

export const module = () => decode('${module.toString('hex')}');
export const schema = () => decode('${schema.toString('hex')}');
`;
writeFileSync(join(dist, 'inline.js'), inline);

for (const folder of ['src/entries', 'types']) {
  for (const name of readdirSync(join(here, folder))) {
    copyFileSync(join(here, folder, name), join(dist, name));
  }
}
// The same declarations for those who `require`: TypeScript tells the two apart by the file's name.
for (const name of ['index', 'rows', 'slim']) {
  const types = readFileSync(join(here, 'types', `${name}.d.ts`), 'utf8');
  writeFileSync(join(dist, `${name}.d.cts`), types.replaceAll(/'(\.\/[a-z]+)\.js'/g, "'$1.cjs'"));
}

// The tables for a database without the extension.
copyFileSync(join(here, '../../../target/vetassist.sql'), join(dist, 'vetassist.sql'));

const { devDependencies, private: _, scripts, ...published } = manifest;
writeFileSync(join(stage, 'package.json'), `${JSON.stringify(published, undefined, 2)}\n`);
copyFileSync(join(here, 'README.md'), join(stage, 'README.md'));

const [packed] = JSON.parse(
  execFileSync('npm', ['pack', '--json', '--pack-destination', out], {
    cwd: stage,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'inherit'],
  }),
);
const tarball = join(out, 'vetassist.tgz');
copyFileSync(join(out, packed.filename), tarball);

const sizes = [
  ['vetassist.wasm', module.length, undefined],
  ['schema.wasm', schema.length, undefined],
  ['vetassist.wasm under brotli', brotliCompressSync(module).length, MAX_WASM_BROTLI],
  ['tarball', statSync(tarball).size, MAX_TARBALL],
];
for (const [what, size, most] of sizes) {
  console.log(`${what}: ${size} bytes${most === undefined ? '' : ` of at most ${most}`}`);
  if (size > most) throw new Error(`${what} has grown too large`);
}
