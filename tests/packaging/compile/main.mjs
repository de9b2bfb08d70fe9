// For a program that is compiled.
import * as api from 'vetassist';
import { run } from '../run.mjs';

console.log(await run(api, globalThis.Bun === undefined ? 'built by Bun, for node' : 'compiled by Bun'));
