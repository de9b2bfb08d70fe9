// Tests the declarations: with both kinds of module resolution, for import and require, with uses that must compile and misuses
// that must not, and against the package's exports.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import * as api from 'vetassist';
import * as client from 'vetassist/client';
import * as metadata from 'vetassist/metadata';
import * as slim from 'vetassist/slim';
import * as testing from 'vetassist/testing';

const here = new URL('.', import.meta.url);
const build = new URL('.build/', here);
const file = (name) => fileURLToPath(new URL(name, build));
const packaged = (name) => new URL(`../node_modules/vetassist/${name}`, here);
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', here));

let cases = 0;

/** Compiles files of the build folder, and returns the compiler's exit code and output. */
function compile(resolution, files, options = {}) {
  const config = {
    compilerOptions: {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      // Declaration files are checked as well.
      skipLibCheck: false,
      noEmit: true,
      target: 'esnext',
      lib: ['esnext', 'dom'],
      types: [],
      module: resolution === 'bundler' ? 'preserve' : resolution,
      moduleResolution: resolution,
      ...options,
    },
    files,
  };
  writeFileSync(file('tsconfig.json'), JSON.stringify(config));
  const { status, stdout, error } = spawnSync(process.execPath, [tsc, '--pretty', 'false', '-p', file('.')], {
    encoding: 'utf8',
  });
  assert.equal(error, undefined);
  return { status, stdout };
}

function compiles(...given) {
  const { status, stdout } = compile(...given);
  assert.equal(status, 0, stdout);
  cases += 1;
}

/** Returns a TypeScript file that compiles only if the declarations have exactly these exports, methods and codes. */
function exactly(specifier, actual, codes = {}) {
  const lines = [`import * as declared from '${specifier}';`, 'type Is<T extends true> = T;'];
  const only = (names, type) => {
    assert(names.length > 0);
    const record = names.map((name) => `${name}: true`).join(', ');
    lines.push(`({ ${record} }) satisfies Record<${type}, true>;`);
    cases += names.length;
  };
  // The largest number of arguments.
  const arity = (type, { length }) => {
    lines.push(`export type A${lines.length} = Is<Required<${type}>['length'] extends ${length} ? true : false>;`);
    cases += 1;
  };
  only(Object.keys(actual), 'keyof typeof declared');
  for (const [name, value] of Object.entries(actual)) {
    const declared = `typeof declared.${name}`;
    if (typeof value !== 'function') continue;
    if (!/^class\b/.test(String(value))) {
      arity(`Parameters<${declared}>`, value);
      continue;
    }
    arity(`ConstructorParameters<${declared}>`, value);
    if (value.prototype instanceof Error) continue;
    const methods = Object.getOwnPropertyNames(value.prototype).filter((method) => method !== 'constructor');
    only([...methods, '[Symbol.dispose]'], `keyof declared.${name}`);
    for (const method of methods) {
      arity(`Parameters<declared.${name}['${method}']>`, value.prototype[method]);
    }
    for (const method of Object.getOwnPropertyNames(value)) {
      if (typeof value[method] !== 'function') continue;
      arity(`Parameters<${declared}['${method}']>`, value[method]);
    }
  }
  // The codes that a file throws.
  for (const [type, file] of Object.entries(codes)) {
    const thrown = readFileSync(packaged(file), 'utf8').match(/(?<=')ERR_[A-Z\d_]+(?=')|(?<=")ERR_[A-Z\d_]+(?=")/g);
    only([...new Set(thrown)], type);
  }
  return `${lines.join('\n')}\n`;
}

/** Returns TypeScript that compiles only if the client's declared codes are those that it throws or passes on. */
function clientCodes() {
  const codes = (name) => new Set(readFileSync(packaged(`dist/${name}.cjs`), 'utf8').match(/(?<=["'])ERR_[A-Z\d_]+(?=["'])/g));
  const own = [...codes('client')].filter((code) => !codes('core').has(code));
  cases += own.length;
  return `({ ${own.map((code) => `${code}: true`).join(', ')} }) satisfies Record<Exclude<declared.ClientErrorCode, import('vetassist').ErrorCode>, true>;\n`;
}

const CODES = { 'declared.ErrorCode': 'dist/core.cjs' };

rmSync(build, { recursive: true, force: true });
mkdirSync(build);
try {
  writeFileSync(file('package.json'), '{ "type": "module" }');
  for (const name of ['use.ts', 'use.cts', 'use-client.ts']) copyFileSync(new URL(name, here), file(name));
  writeFileSync(file('index.ts'), exactly('vetassist', api, CODES));
  writeFileSync(file('metadata.ts'), exactly('vetassist/metadata', metadata));
  writeFileSync(file('slim.ts'), exactly('vetassist/slim', slim, CODES));
  writeFileSync(file('client.ts'), `${exactly('vetassist/client', client)}${clientCodes()}`);
  writeFileSync(file('testing.ts'), exactly('vetassist/testing', testing));
  // The types that the compiler infers from the sources must fit the declarations. Comments in the sources state the types of
  // `define`. Methods named [Symbol.dispose] are left out, because the compiler does not see their definition. The conformance
  // tests call them.
  cpSync(new URL('../../../crates/vetassist-wasm/npm/src/', here), new URL('actual/', build), { recursive: true });
  mkdirSync(new URL('declared/', build));
  for (const name of ['index', 'metadata', 'rows', 'slim']) {
    const declarations = readFileSync(packaged(`dist/${name}.d.ts`), 'utf8');
    writeFileSync(file(`declared/${name}.d.ts`), declarations.replaceAll('[Symbol.dispose](): void;', ''));
  }
  writeFileSync(
    file('implementation.ts'),
    `import type * as declared from './declared/slim.js';
import * as actual from './actual/slim.js';
// The compiler infers the type string for the name of an error.
const { VetassistError, ...exported } = actual;
export const fits: Omit<typeof declared, 'VetassistError'> = exported;
export const error: Error & { code: string } = new VetassistError('ERR_FREED', 'message', {});
`,
  );

  const files = ['use.ts', 'use-client.ts', 'index.ts', 'metadata.ts', 'slim.ts', 'client.ts', 'testing.ts'];
  compiles('nodenext', [...files, 'use.cts']);
  compiles('bundler', files);
  compiles('bundler', files, { customConditions: ['workerd'] });
  compiles('bundler', files, { customConditions: ['browser'] });
  compiles('nodenext', ['implementation.ts'], { allowJs: true, noUncheckedIndexedAccess: false, skipLibCheck: true });

  // The checks can fail.
  const broken = {
    'one.ts': exactly('vetassist', { ...api, extra: () => {} }),
    'two.ts': exactly('vetassist', { ...api, hashIp: (address, more) => [address, more] }),
    'three.ts': exactly('vetassist', (({ hashIp, ...rest }) => rest)(api)),
    'four.ts': "import { hashIp } from 'vetassist';\nexport const hash: number = hashIp('::1');\n",
  };
  for (const [name, content] of Object.entries(broken)) {
    writeFileSync(file(name), content);
    for (const resolution of ['nodenext', 'bundler']) {
      assert.notEqual(compile(resolution, [name]).status, 0, `${name} compiles: ${content}`);
      cases += 1;
    }
  }
  // The declarations of the .wasm file are found as well.
  writeFileSync(file('wasm.ts'), "import module from 'vetassist/vetassist.wasm';\nexport const compiled: WebAssembly.Module = module;\n");
  compiles('bundler', ['wasm.ts']);
  assert.equal(typeof createRequire(import.meta.url).resolve('vetassist/vetassist.wasm'), 'string');
} finally {
  rmSync(build, { recursive: true, force: true });
}
console.log(`types: ${cases} cases agree`);
