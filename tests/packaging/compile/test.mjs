// Tests the package in one file that Bun built, as a program and for Node, in a folder without other files.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bun = fileURLToPath(new URL('../node_modules/.bin/bun', import.meta.url));
const entry = fileURLToPath(new URL('main.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vetassist-compile-'));
const run = (program, ...args) => execFileSync(program, args, { cwd: '/', encoding: 'utf8' }).trim();
try {
  run(bun, 'build', '--compile', entry, '--outfile', join(folder, 'built'));
  run(bun, 'build', '--target', 'node', entry, '--outfile', join(folder, 'built.mjs'));
  mkdirSync(join(folder, 'elsewhere'));
  for (const name of ['built', 'built.mjs']) renameSync(join(folder, name), join(folder, 'elsewhere', name));
  for (const said of [run(join(folder, 'elsewhere/built')), run(process.execPath, join(folder, 'elsewhere/built.mjs'))]) {
    assert.match(said, /cases agree/);
    console.log(said);
  }
} finally {
  rmSync(folder, { recursive: true });
}
