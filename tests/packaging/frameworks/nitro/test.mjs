// The package in Nitro 2: as a server of Node, as a Cloudflare Worker in workerd, and built for the edges of Vercel and
// Netlify.
import { rmSync } from 'node:fs';
import { agrees, alone, app, bin, onWorkerd, port, runs, serving } from '../tools.mjs';

const folder = app('nitro');
const build = (preset) => runs(folder, bin('nitropack'), ['build', '--preset', preset]);
let cases = 0;

await build('node-server');
const built = alone(`${folder}/.output`);
try {
  const at = await port();
  await serving(built, process.execPath, [`${built}/server/index.mjs`], at, {}, async (url) => {
    cases += await agrees(url, 'node-server');
  });
} finally {
  rmSync(built, { recursive: true });
}

await build('cloudflare-module');
cases += await onWorkerd(`${folder}/.output/server`, 'index.mjs', (url) => agrees(url, 'cloudflare-module'));

for (const preset of ['vercel-edge', 'netlify-edge']) {
  await build(preset);
  cases += 1;
}
console.log(`Nitro: ${cases} cases agree`);
