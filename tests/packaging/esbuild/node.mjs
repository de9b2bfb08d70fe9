// For a bundle that runs in Node.
import * as api from 'vetassist';
import { run } from '../run.mjs';

run(api, 'esbuild, for node').then(console.log);
