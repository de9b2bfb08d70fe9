// A page for Vite: imports the package by its name, and vetassist/slim with the module as an asset.
import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import * as slim from 'vetassist/slim';
import wasm from 'vetassist/vetassist.wasm?url';
import { report } from '../browser/report.mjs';

await report({ ...api, ...metadata }, 'built by Vite', async () => {
  await slim.init(fetch(wasm));
  if (slim.hashIp('::1') !== api.hashIp('::1')) throw new Error('vetassist/slim gives another hash');
});
