// Tests the package bundled by Parcel with its defaults, which reads `module` and not `exports`, in Chromium.
import assert from 'node:assert/strict';
import { chromium } from '../../browser/drive.mjs';
import { serve } from '../../browser/serve.mjs';
import { app, bin, runs } from '../tools.mjs';

const folder = app('parcel');
await runs(folder, bin('parcel'), ['build', 'index.html', '--dist-dir', 'dist', '--public-url', './']);
const server = await serve(`${folder}/dist`);
try {
  const said = await chromium(`${server.url}/index.html`, '#said');
  assert(JSON.parse(said).cases > 22, said);
  console.log(`Parcel: ${JSON.parse(said).cases} cases agree`);
} finally {
  server.close();
}
