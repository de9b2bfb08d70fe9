import * as api from 'vetassist';
import { fromPglite } from 'vetassist/client';
import * as metadata from 'vetassist/metadata';
import { initSync } from 'vetassist/slim';
import { check } from './check.mjs';

let said;
try {
  for (const imported of [fromPglite, initSync]) if (typeof imported !== 'function') throw new Error('an entry is empty');
  said = JSON.stringify({ cases: check(api, metadata) });
} catch (error) {
  said = error.stack;
}
document.querySelector('#said').textContent = said;
