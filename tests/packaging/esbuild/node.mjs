// For a bundle that runs in Node.
import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import { run } from '../run.mjs';

run({ ...api, ...metadata }, 'esbuild, for node').then(console.log);
