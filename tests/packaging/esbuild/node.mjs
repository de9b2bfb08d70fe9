// The entry of the bundles for Node.
import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import { run } from '../run.mjs';

run({ ...api, ...metadata }, 'esbuild, for node').then(console.log);
