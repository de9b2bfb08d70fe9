// Measures in a page.
import * as api from '../node_modules/vetassist/dist/index.js';
import { keys, ratios, rounds } from './rounds.mjs';

const pair = await keys(api);
const found = await ratios((...what) => rounds(api, ...pair, ...what));
await fetch('/said', { method: 'POST', body: JSON.stringify(found) });
