// A Worker for Vite, which bundles it as a script of its own.
import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import { check } from '../frameworks/check.mjs';

try {
  postMessage({ cases: check(api, metadata) });
} catch (error) {
  postMessage({ error: error.stack });
}
