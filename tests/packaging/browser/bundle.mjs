// Builds a page of one script with esbuild.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

/** Bundles `name.mjs` into a new folder with a `name.html`, and returns the folder. */
export async function bundled(script) {
  const folder = await mkdtemp(join(tmpdir(), 'vetassist-page-'));
  const name = basename(script, '.mjs');
  await build({ entryPoints: [script], outfile: join(folder, `${name}.js`), bundle: true, format: 'esm', target: 'es2022', logLevel: 'error' });
  await writeFile(join(folder, `${name}.html`), `<!doctype html><meta charset="utf-8"><script type="module" src="${name}.js"></script>`);
  return folder;
}
