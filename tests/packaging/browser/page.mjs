// The package in a page, as it was packed: no bundler, no fetch.
import * as api from '../node_modules/vetassist/dist/index.js';
import * as metadata from '../node_modules/vetassist/dist/metadata.js';
import { report } from './report.mjs';

await report({ ...api, ...metadata }, 'without a bundler');
