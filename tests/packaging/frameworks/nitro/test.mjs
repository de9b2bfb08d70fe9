// Tests the package in Nitro 2: as a Node server, as a Vercel function, as a Cloudflare Worker in workerd, and at the edges of
// Netlify and Vercel.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { EdgeVM } from '@edge-runtime/vm';
import { build as bundle } from 'esbuild';
import { agrees, alone, app, bin, deno, onWorkerd, port, runs, serving } from '../tools.mjs';

const folder = app('nitro');
const build = (preset) => runs(folder, bin('nitropack'), ['build', '--preset', preset]);
let cases = 0;

await build('node-server');
const built = alone(`${folder}/.output`);
try {
  const at = await port();
  await serving(built, process.execPath, [`${built}/server/index.mjs`], at, {}, async (url) => {
    cases += await agrees(url, 'node-server');
  });
} finally {
  rmSync(built, { recursive: true });
}

await build('vercel');
const listener = alone(`${folder}/.vercel/output/functions/__fallback.func`);
try {
  const { default: handle } = await import(`${listener}/index.mjs`);
  const server = createServer(handle);
  const at = await port();
  await new Promise((resolve) => server.listen(at, 'localhost', resolve));
  cases += await agrees(`http://localhost:${at}`, 'vercel');
  server.close();
} finally {
  rmSync(listener, { recursive: true });
}

await build('cloudflare-module');
cases += await onWorkerd(`${folder}/.output/server`, 'index.mjs', (url) => agrees(url, 'cloudflare-module'));

await build('netlify-edge');
cases += JSON.parse(await runs(folder, deno, ['run', '--no-prompt', '--cached-only', '--allow-all', 'netlify.mjs'])).cases;

// Nitro compiles the modules from bytes at import. Vercel's edge refuses that, as the README states.
await build('vercel-edge');
const { outputFiles } = await bundle({
  entryPoints: [`${folder}/.vercel/output/functions/__fallback.func/index.mjs`],
  bundle: true,
  format: 'iife',
  globalName: 'built',
  external: ['node:*'],
  write: false,
});
const atEdge = (wasm) => {
  const edge = new EdgeVM({
    codeGeneration: { strings: false, wasm },
    extend: (context) => Object.assign(context, { require: process.getBuiltinModule, process: { env: {} } }),
  });
  edge.evaluate(outputFiles[0].text);
  return edge.evaluate("built.default(new Request('http://localhost/'), {}).then((response) => response.json())");
};
cases += (await atEdge(true)).cases;
await assert.rejects(async () => atEdge(false), { name: 'CompileError' });
console.log(`Nitro: ${cases + 1} cases agree`);
