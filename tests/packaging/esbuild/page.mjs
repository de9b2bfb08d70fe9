// The entry of the bundles for pages.
import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import { report } from '../browser/report.mjs';

report({ ...api, ...metadata }, `built by esbuild${import.meta.url === undefined ? ' as a script' : ''}`);
