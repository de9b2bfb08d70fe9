// Tests the package in one file that Bun built, as a program and for Node, after the package was removed from where it was built.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packaging = fileURLToPath(new URL('..', import.meta.url));
const bun = join(packaging, 'node_modules/.bin/bun');
const [folder, elsewhere] = ['compile', 'compiled'].map((name) => mkdtempSync(join(tmpdir(), `vetassist-${name}-`)));
const run = (program, ...args) => execFileSync(program, args, { cwd: '/', encoding: 'utf8' }).trim();
try {
  cpSync(join(packaging, 'node_modules/vetassist'), join(folder, 'node_modules/vetassist'), { recursive: true });
  const entry = join(folder, 'main.mjs');
  writeFileSync(entry, readFileSync(join(packaging, 'compile/main.mjs'), 'utf8').replace("'../run.mjs'", JSON.stringify(join(packaging, 'run.mjs'))));
  const [program, file] = [join(elsewhere, 'built'), join(elsewhere, 'built.mjs')];
  run(bun, 'build', '--compile', entry, '--outfile', program);
  run(bun, 'build', '--target', 'node', entry, '--outfile', file);
  rmSync(folder, { recursive: true });
  for (const said of [run(program), run(process.execPath, file)]) {
    assert.match(said, /cases agree/);
    console.log(said);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
  rmSync(elsewhere, { recursive: true });
}
