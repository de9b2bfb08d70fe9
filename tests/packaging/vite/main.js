// A page for Vite: imports the package by its name, here and in a Worker, and vetassist/slim with the module as an asset.
import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import * as slim from 'vetassist/slim';
import wasm from 'vetassist/vetassist.wasm?url';
import { report } from '../browser/report.mjs';

await report({ ...api, ...metadata }, 'built by Vite', async () => {
  await slim.init(fetch(wasm));
  if (slim.hashIp('::1') !== api.hashIp('::1')) throw new Error('vetassist/slim gives another hash');
  const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
  const { cases, error } = await new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(`the Worker does not start: ${message}`));
  });
  if (!(cases > 20)) throw new Error(`in the Worker: ${error}`);
});
