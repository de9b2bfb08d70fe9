// vetassist/slim in a page, with a module that is fetched and compiled as it arrives.
import * as api from '../node_modules/vetassist/dist/slim.js';
import { report } from './report.mjs';

const wasm = new URL('../node_modules/vetassist/dist/vetassist.wasm', import.meta.url);

await report(api, 'slim', async () => {
  try {
    api.hashIp('::1');
  } catch (error) {
    if (error.code !== 'ERR_NOT_INITIALIZED') throw error;
    await api.init(fetch(wasm));
    return;
  }
  throw new Error('vetassist/slim worked before it was started');
});
