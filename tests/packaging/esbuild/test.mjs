// Tests the package bundled by esbuild: for Node as ESM and CommonJS, and for pages as a module and as a script.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { passes } from '../browser/drive.mjs';

const folder = await mkdtemp(join(tmpdir(), 'vetassist-esbuild-'));
const bundle = (entry, outfile, options) =>
  build({
    entryPoints: [fileURLToPath(new URL(entry, import.meta.url))],
    outfile: join(folder, outfile),
    bundle: true,
    minify: true,
    logLevel: 'error',
    logOverride: { 'empty-import-meta': 'silent' },
    ...options,
  });

try {
  for (const [outfile, format] of [
    ['node.mjs', 'esm'],
    ['node.cjs', 'cjs'],
  ]) {
    await bundle('node.mjs', outfile, { format, platform: 'node' });
    const said = execFileSync(process.execPath, [join(folder, outfile)], { cwd: '/', encoding: 'utf8' });
    assert.match(said, /cases agree/);
    console.log(`${said.trim()} (${format})`);
  }
  for (const [outfile, format] of [
    ['page.js', 'esm'],
    ['script.js', 'iife'],
  ]) {
    await bundle('page.mjs', outfile, { format, platform: 'browser' });
    const type = format === 'esm' ? ' type="module"' : '';
    const page = outfile.replace('.js', '.html');
    // The page names no charset, because a bundle must not depend on it.
    await writeFile(join(folder, page), `<!doctype html><script src="${outfile}"${type}></script>`);
    await passes('chromium', folder, `/${page}`);
  }
} finally {
  await rm(folder, { recursive: true });
}
