// Measures in this runtime.
import * as api from 'vetassist';
import { keys, ratios, rounds } from './rounds.mjs';

const pair = await keys(api);
console.log(JSON.stringify(await ratios((...what) => rounds(api, ...pair, ...what))));
