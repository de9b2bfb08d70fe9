// For a bundle that runs in a page.
import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import { report } from '../browser/report.mjs';

report({ ...api, ...metadata }, `built by esbuild${import.meta.url === undefined ? ' as a script' : ''}`);
