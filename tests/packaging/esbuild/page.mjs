// For a bundle that runs in a page.
import * as api from 'vetassist';
import { report } from '../browser/report.mjs';

report(api, `built by esbuild${import.meta.url === undefined ? ' as a script' : ''}`);
