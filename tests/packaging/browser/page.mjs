// Tests the packed package in a page, without a bundler and without fetch.
import * as api from '../node_modules/vetassist/dist/index.js';
import * as metadata from '../node_modules/vetassist/dist/metadata.js';
import { report } from './report.mjs';

/** Returns the name of the error with which IndexedDB refuses a value. */
async function refusal(value) {
  const opening = indexedDB.open('keys');
  opening.onupgradeneeded = () => opening.result.createObjectStore('keys');
  await new Promise((resolve, reject) => Object.assign(opening, { onsuccess: resolve, onerror: reject }));
  try {
    opening.result.transaction('keys', 'readwrite').objectStore('keys').put(value, 'key');
    return 'none';
  } catch ({ name }) {
    return name;
  } finally {
    opening.result.close();
  }
}

await report({ ...api, ...metadata }, 'without a bundler', async () => {
  const raw = api.generateKey();
  for (const [value, expected] of [
    [raw, 'none'],
    [new api.Key(raw), 'DataCloneError'],
    [new api.MasterKey(raw), 'DataCloneError'],
    [{ ring: new api.KeyRing([raw]) }, 'DataCloneError'],
  ]) {
    const found = await refusal(value);
    if (found !== expected) throw new Error(`IndexedDB gives ${found} instead of ${expected}`);
  }
});
