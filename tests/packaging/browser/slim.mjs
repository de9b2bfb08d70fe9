// Tests vetassist/slim in a page, with a module that is compiled while it is fetched.
import * as api from '../node_modules/vetassist/dist/slim.js';
import { report } from './report.mjs';

const file = (name) => new URL(`../node_modules/vetassist/dist/${name}.wasm`, import.meta.url);

await report(api, 'slim', async () => {
  try {
    api.hashIp('::1');
  } catch (error) {
    if (error.code !== 'ERR_NOT_INITIALIZED') throw error;
    await api.init(fetch(file('vetassist')));
    try {
      api.checkSchema([]);
    } catch ({ code }) {
      if (code !== 'ERR_NOT_INITIALIZED') throw new Error(code);
      await api.init(undefined, fetch(file('schema')));
      try {
        api.checkEventType('login_failed');
      } catch ({ code: another }) {
        if (another !== 'ERR_NOT_INITIALIZED') throw new Error(another);
        await api.init(undefined, undefined, fetch(file('metadata')));
        return;
      }
    }
    throw new Error('a function with a module of its own worked without that module');
  }
  throw new Error('vetassist/slim worked before it was started');
});
