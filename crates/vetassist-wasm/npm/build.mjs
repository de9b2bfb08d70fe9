// Builds the package from the modules: node build.mjs <folder with modules/> --version <x.y.z>
//
// `cargo xtask npm` builds the modules and then runs this script.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

import { build, transformSync } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2]);
const version = process.argv[process.argv.indexOf('--version') + 1];

// 1 kB is 1000 bytes.
const MAX_WASM_BROTLI = 20_000;
const MAX_TARBALL = 710_000;

// The features of WebAssembly that all supported runtimes have.
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

/** Optimises a module into the package, and returns its bytes. This takes seconds, so the result is kept. */
function optimised(name, level) {
  const from = join(out, 'modules', name);
  const flags = [
    level,
    '--converge',
    '--mvp-features',
    ...FEATURES.map((feature) => `--enable-${feature}`),
    '--strip-debug',
    '--strip-dwarf',
    '--strip-producers',
    '--strip-target-features',
  ];
  const hash = createHash('sha256').update(JSON.stringify([manifest.devDependencies.binaryen, flags])).update(readFileSync(from));
  const kept = join(out, 'optimised', `${hash.digest('hex')}.wasm`);
  if (!existsSync(kept)) {
    mkdirSync(dirname(kept), { recursive: true });
    execFileSync(process.execPath, [join(here, 'node_modules/binaryen/bin/wasm-opt'), ...flags, from, '-o', `${kept}.part`]);
    renameSync(`${kept}.part`, kept);
  }
  copyFileSync(kept, join(dist, name));
  const bytes = readFileSync(kept);
  if (!WebAssembly.validate(bytes)) throw new Error(`${name}, optimised, is not valid`);
  return bytes;
}

const module = optimised('vetassist.wasm', '-O3');
const schema = optimised('schema.wasm', '-Oz');
const metadata = optimised('metadata.wasm', '-Oz');
const audit = optimised('audit.wasm', '-Oz');

/** Writes a file of the package in both formats. */
function written(name, ...parts) {
  const code = `${parts.join('\n')}\n`;
  writeFileSync(join(dist, `${name}.js`), code);
  const { code: common } = transformSync(code, { format: 'cjs', target: 'es2022' });
  writeFileSync(join(dist, `${name}.cjs`), common);
}

const SHARED = ['arguments', 'base64url', 'builtin', 'columns', 'compiled', 'define', 'errors', 'node_crypto', 'rows', 'utf8', 'webcrypto'];

/** Bundles sources into a file of the package, with the file that loads its modules. */
async function bundled(entry, name, modules, siblings = {}) {
  const extension = extname(name);
  const isCommon = extension === '.cjs';
  const external = (path) => ({ path, external: true, sideEffects: false });
  await build({
    entryPoints: [join(here, 'src', entry)],
    outfile: join(dist, name),
    alias: {
      '#modules': join(here, 'src/modules', modules),
      '#plain_file': join(here, 'src/testing', isCommon ? 'plain_file_common.js' : 'plain_file.js'),
    },
    plugins: [
      {
        // Several files of the package import these, so they stay files of their own.
        name: 'beside',
        setup({ onResolve }) {
          onResolve({ filter: /^#(imported|inline)(_metadata)?$|^#schema_query$/ }, ({ path }) => external(`./${path.slice(1)}${extension}`));
          // These are other entries of the package, which this entry imports.
          onResolve({ filter: /^#(vetassist|client|metadata)$|^\.\/ip_hash\.js$/ }, ({ path }) => (siblings[path] ? external(siblings[path]) : undefined));
          if (isCommon || entry === 'shared.js') return;
          onResolve({ filter: new RegExp(`^\\./(${SHARED.join('|')})\\.js$`) }, () => external('./shared.js'));
        },
      },
    ],
    bundle: true,
    external: ['node:*'],
    format: isCommon ? 'cjs' : 'esm',
    target: 'es2022',
    // The code is not minified, so that names and lines are those of the sources. It keeps the comments.
    legalComments: 'none',
    banner: { js: '// vetassist, MIT OR Apache-2.0' },
  });
}

// The query that reads the catalogs is in the core, beside the comparison.
const query = readFileSync(join(here, '../../vetassist-core/src/schema/catalog.sql'), 'utf8');
written('schema_query', `export const schemaQuery = \`${query.replaceAll(/[\\`$]/g, '\\$&')}\`;`);

await bundled('shared.js', 'shared.js', 'none.js');
await bundled('index.js', 'index.js', 'inlined.js');
await bundled('index.js', 'edge.js', 'edge.js');
for (const name of ['imported.js', 'imported_metadata.js']) copyFileSync(join(here, 'src/modules', name), join(dist, name));
await bundled('slim.js', 'slim.js', 'none.js');
await bundled('common.js', 'core.cjs', 'given.js');

// This is an entry of its own, because its module is larger than all other files and most programs do not need it. It hashes
// with the main entry.
await bundled('metadata.js', 'metadata.js', 'inlined_metadata.js', { './ip_hash.js': './index.js' });
await bundled('metadata.js', 'metadata-edge.js', 'edge_metadata.js', { './ip_hash.js': './edge.js' });

// The client and the tools for tests import the main entry, so that there is only one class `KeyRing`.
for (const [entry, beside] of [
  ['client', { '#vetassist': 'index', '#metadata': 'metadata' }],
  ['testing', { '#client': 'client' }],
]) {
  const siblings = (spelt) => Object.fromEntries(Object.entries(beside).map(([alias, name]) => [alias, `./${spelt(name)}`]));
  await bundled(`${entry}/index.js`, `${entry}.cjs`, 'none.js', siblings((name) => `${name}.cjs`));
  await bundled(`${entry}/index.js`, `${entry}.js`, 'none.js', siblings((name) => `${name}.js`));
}
await bundled('client/index.js', 'client-edge.js', 'none.js', { '#vetassist': './edge.js', '#metadata': './metadata-edge.js' });

// The modules as text, in hexadecimal and not in base64. Hexadecimal keeps the borders of bytes, so that it compresses as well
// as the module itself, and a page transfers a quarter less.
written(
  'inline',
  readFileSync(join(here, 'src/modules/hex.js'), 'utf8'),
  `export const module = () => decode('${module.toString('hex')}');`,
  `export const schema = () => decode('${schema.toString('hex')}');`,
);
written(
  'inline_metadata',
  readFileSync(join(here, 'src/modules/hex.js'), 'utf8'),
  `export const metadata = () => decode('${metadata.toString('hex')}');`,
);

// CommonJS, for `require` and, in Node, Deno and Bun, also for `import`. There is one implementation, so that there is only one
// class `Key`. `slim` shares it: if one of the two starts the module, it is started for both.
const hidden = ['give'];
const slimOnly = ['init', 'initSync'];
const ofMetadata = ['checkEventData', 'checkEventType', 'hashDevice'];
writeFileSync(
  join(dist, 'index.cjs'),
  `'use strict';
const { ${[...hidden, ...slimOnly, ...ofMetadata].join(', ')}, ...api } = require('./core.cjs');

const { module: sealing, schema } = require('./inline.cjs');

give({ module: sealing, schema });
module.exports = api;
`,
);
writeFileSync(
  join(dist, 'metadata.cjs'),
  `'use strict';
require('./index.cjs');
const { give, ${ofMetadata.join(', ')} } = require('./core.cjs');

give({ metadata: () => require('./inline_metadata.cjs').metadata() });
module.exports = { ${ofMetadata.join(', ')} };
`,
);
writeFileSync(
  join(dist, 'slim.cjs'),
  `'use strict';
const { ${hidden.join(', ')}, ...api } = require('./core.cjs');

module.exports = api;
`,
);
const namesOf = (file) => Object.keys(createRequire(import.meta.url)(join(dist, file)));
const exported = namesOf('core.cjs').filter((name) => !hidden.includes(name));
for (const [name, names] of [
  ['index', exported.filter((name) => ![...slimOnly, ...ofMetadata].includes(name))],
  ['metadata', ofMetadata],
  ['slim', exported],
  ['client', namesOf('client.cjs')],
  ['testing', namesOf('testing.cjs')],
]) {
  const list = names.sort().map((each) => `  ${each},\n`).join('');
  writeFileSync(
    join(dist, name === 'index' ? 'node.js' : `${name}-node.js`),
    `import api from './${name}.cjs';\n\nexport const {\n${list}} = api;\n`,
  );
}

for (const name of readdirSync(join(here, 'types'))) copyFileSync(join(here, 'types', name), join(dist, name));
// The same declarations for `require`, which TypeScript recognises by the file's name.
for (const name of ['client', 'index', 'metadata', 'rows', 'slim', 'testing']) {
  const types = readFileSync(join(here, 'types', `${name}.d.ts`), 'utf8');
  writeFileSync(join(dist, `${name}.d.cts`), types.replaceAll(/'(\.\/[a-z]+)\.js'/g, "'$1.cjs'"));
}

// The command `npx vetassist`, and the thread in which it is connected to a database.
for (const [entry, name] of [
  ['bin.js', 'bin.js'],
  ['audit/connection.js', 'audit-connection.js'],
]) {
  await build({ entryPoints: [join(here, 'src', entry)], outfile: join(dist, name), bundle: true, external: ['node:*', 'pg'], format: 'esm', target: 'es2022' });
}
chmodSync(join(dist, 'bin.js'), 0o755);

// The plain file, for a database without the extension.
copyFileSync(join(here, '../../../target/vetassist.sql'), join(dist, 'vetassist.sql'));

// For Parcel and for TypeScript's resolution `node10`, which read no `exports`: a folder with the name of each entry.
for (const entry of Object.keys(manifest.exports)) {
  if (entry === '.' || extname(entry) !== '') continue;
  const to = (file) => `../${relative('.', file)}`;
  const { require } = manifest.exports[entry].node;
  mkdirSync(join(stage, entry));
  const fields = { main: to(require.default), module: to(manifest.exports[entry].default.default), types: to(require.types), sideEffects: false };
  writeFileSync(join(stage, entry, 'package.json'), `${JSON.stringify(fields, undefined, 2)}\n`);
}

const { devDependencies, private: _, scripts, ...published } = manifest;
// The address of the repository is known where a release is built: GitHub's workflows name it.
const { GITHUB_REPOSITORY: repository, GITHUB_SERVER_URL: server } = process.env;
if (repository) published.repository = { type: 'git', url: `git+${server}/${repository}.git`, directory: 'crates/vetassist-wasm/npm' };
writeFileSync(join(stage, 'package.json'), `${JSON.stringify(published, undefined, 2)}\n`);
copyFileSync(join(here, 'README.md'), join(stage, 'README.md'));
for (const name of ['LICENSE-APACHE', 'LICENSE-MIT']) copyFileSync(join(here, '../../..', name), join(stage, name));

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
  ['metadata.wasm', metadata.length, undefined],
  ['audit.wasm', audit.length, undefined],
  ['vetassist.wasm under brotli', brotliCompressSync(module).length, MAX_WASM_BROTLI],
  ['tarball', statSync(tarball).size, MAX_TARBALL],
];
for (const [what, size, most] of sizes) {
  console.log(`${what}: ${size} bytes${most === undefined ? '' : ` of at most ${most}`}`);
  if (size > most) throw new Error(`${what} has grown too large`);
}
