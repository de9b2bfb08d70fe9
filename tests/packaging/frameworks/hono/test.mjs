// Tests the package in a Hono Worker with a Durable Object, with and without compatibility with Node. `wrangler dev` runs it, and
// `wrangler deploy` builds it without uploading.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { agrees, app, dryRun, onWorkerd } from '../tools.mjs';

const folder = app('hono');
let cases = 0;
for (const flags of [[], ['--compatibility-flags', 'nodejs_compat']]) {
  cases += await onWorkerd(folder, 'worker.js', async (url) => (await agrees(url, 'Hono')) + (await agrees(`${url}/object`, 'a Durable Object')), flags);
}
await dryRun(folder, 'worker.js', 'out');
const wasm = readdirSync(`${folder}/out`).filter((name) => /\.wasm/.test(name));
// The module of `vetassist/metadata` is missing, because no file imports it.
assert.equal(wasm.length, 2, String(readdirSync(`${folder}/out`)));
console.log(`Hono on workerd: ${cases + 1} cases agree`);
