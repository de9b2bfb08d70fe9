// The entry of the compiled program.
import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import { run } from '../run.mjs';

console.log(await run({ ...api, ...metadata }, globalThis.Bun === undefined ? 'built by Bun, for node' : 'compiled by Bun'));
