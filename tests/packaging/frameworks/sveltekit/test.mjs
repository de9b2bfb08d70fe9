// Tests the package in SvelteKit: a route in Node and a page in Chromium.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { chromium } from '../../browser/drive.mjs';
import { agrees, alone, app, bin, node, port, runs, serving } from '../tools.mjs';

const folder = app('sveltekit');
await runs(folder, node(22), [bin('vite'), 'build']);
const built = alone(`${folder}/build`);
let cases = 0;
try {
  const at = await port();
  await serving(built, node(22), [`${built}/index.js`], at, { ORIGIN: `http://localhost:${at}` }, async (url) => {
    cases += await agrees(`${url}/api`, 'SvelteKit');
    const said = await chromium(url, '#said');
    assert(JSON.parse(said).cases > 20, said);
    cases += JSON.parse(said).cases;
  });
} finally {
  rmSync(built, { recursive: true });
}
console.log(`SvelteKit: ${cases} cases agree`);
