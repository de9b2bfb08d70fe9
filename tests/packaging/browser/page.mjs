// The package in a page, as it was packed: no bundler, no fetch. Then vetassist/slim with a module that
// is fetched and compiled as it arrives.
import * as api from '../node_modules/vetassist/dist/index.js';
import * as slim from '../node_modules/vetassist/dist/slim.js';
import { report } from './report.mjs';

const wasm = new URL('../node_modules/vetassist/dist/vetassist.wasm', import.meta.url);

async function slimStarts() {
  try {
    slim.hashIp('::1');
    throw new Error('vetassist/slim worked before it was started');
  } catch (error) {
    if (error.code !== 'ERR_NOT_INITIALIZED') throw error;
  }
  await slim.init(fetch(wasm));
}

await report(api, 'without a bundler', slimStarts);
