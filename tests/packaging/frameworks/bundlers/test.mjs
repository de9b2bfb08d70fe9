// Tests the package bundled by esbuild, Rollup, webpack and Rspack: imported and required, in each format and for each target. The
// bundles run in Node, in a folder without other files. Tests what unused imports cost.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import commonjs from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { rspack } from '@rspack/core';
import { build as esbuild, transform } from 'esbuild';
import { rollup } from 'rollup';
import webpack from 'webpack';
import { app, runs } from '../tools.mjs';

const folder = app('bundlers');
const out = mkdtempSync(join(tmpdir(), 'vetassist-bundlers-'));
let cases = 0;

const byEsbuild = (entry, file, { format, ...options }) =>
  esbuild({ entryPoints: [entry], outfile: file, bundle: true, format, logLevel: 'error', logOverride: { 'empty-import-meta': 'silent' }, ...options });

async function byRollup(entry, file, { format, ...options }) {
  const warnings = [];
  const bundle = await rollup({ input: entry, plugins: [nodeResolve(options), commonjs()], onwarn: ({ message }) => warnings.push(message) });
  await bundle.write({ file, format, name: 'bundle' });
  assert.deepEqual(warnings.filter((message) => !/import\.meta|empty chunk/.test(message)), []);
}

const byWebpack = (bundler) => (entry, file, { format, ...options }) =>
  new Promise((resolve, reject) => {
    const isModule = format === 'esm';
    const filename = file.slice(file.lastIndexOf('/') + 1);
    const output = { path: out, filename, publicPath: '/', ...(isModule && { module: true, chunkFormat: 'module', library: { type: 'module' } }) };
    bundler({ entry, output, experiments: isModule ? { outputModule: true } : {}, performance: false, ...options }, (error, stats) => {
      const { errors, warnings } = stats?.toJson({ all: false, errors: true, warnings: true }) ?? {};
      if (error ?? errors.concat(warnings).length > 0) reject(error ?? new Error(JSON.stringify({ errors, warnings })));
      else resolve();
    });
  });

const crossed = (names, ...lists) => lists.reduce((all, list, at) => all.flatMap((given) => list.map((value) => ({ ...given, [names[at]]: value }))), [{}]);
const PAGE = { format: 'esm', target: 'web', mode: 'production' };
const TARGETS = ['node', 'web', 'webworker'];
const BUNDLERS = {
  esbuild: [
    byEsbuild,
    { format: 'esm' },
    crossed(['format', 'platform', 'conditions'], ['esm', 'cjs', 'iife'], ['browser', 'node', 'neutral'], [undefined, [], ['node'], ['worker'], ['require']]),
  ],
  Rollup: [byRollup, { format: 'esm' }, crossed(['format', 'browser', 'exportConditions'], ['esm', 'cjs', 'iife', 'umd'], [true, false], [[], ['node']])],
  webpack: [byWebpack(webpack), PAGE, crossed(['format', 'target', 'mode'], ['esm', 'cjs'], TARGETS, ['production', 'development'])],
  Rspack: [byWebpack(rspack), PAGE, crossed(['format', 'target', 'mode'], ['esm', 'cjs'], TARGETS, ['production', 'development'])],
};

/** Returns the size of minified code that a bundler made of these lines. */
async function cost(bundle, code, options) {
  const entry = `${folder}/used.mjs`;
  writeFileSync(entry, code);
  await bundle(entry, `${out}/used.mjs`, options);
  return (await transform(readFileSync(`${out}/used.mjs`, 'utf8'), { minify: true })).code.length;
}

try {
  for (const [name, [bundle, page, all]] of Object.entries(BUNDLERS)) {
    for (const options of all) {
      for (const entry of ['imported.mjs', 'required.cjs']) {
        const what = `${name} of ${entry} ${JSON.stringify(options)}`;
        const built = `${out}/bundle.${options.format === 'esm' ? 'mjs' : 'cjs'}`;
        try {
          await bundle(`${folder}/${entry}`, built, options);
        } catch (cause) {
          throw new Error(what, { cause });
        }
        const asPage = options.target?.startsWith('web') ? ['--require', `${folder}/page.cjs`] : [];
        const [agreed, ...others] = JSON.parse(await runs('/', process.execPath, [...asPage, built]));
        assert(agreed > 20, what);
        assert.deepEqual(others, ['function', 'function', 'Bearer'], what);
        cases += 1;
      }
    }
    for (const [code, most] of [
      ["import 'vetassist'; import 'vetassist/client'; import 'vetassist/metadata'; import 'vetassist/testing';", 50],
      ["import { Key, hashIp, checkSchema } from 'vetassist'; import { createClient } from 'vetassist/client';", 50],
      ["import { parseUser } from 'vetassist'; console.log(parseUser(globalThis.row));", 5_500],
    ]) {
      const size = await cost(bundle, code, page);
      assert(size <= most, `${code} costs ${size} bytes by ${name}`);
      cases += 1;
    }
  }
} finally {
  rmSync(out, { recursive: true });
}
console.log(`bundlers: ${cases} cases agree`);
