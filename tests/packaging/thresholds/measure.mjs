// From how many bytes on WebCrypto is faster than the module, in each runtime: npm run thresholds
//
// `sealAsync` and `openAsync` choose by what this prints; see `src/webcrypto.js` of the package.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { inBrowser } from '../browser/drive.mjs';
import { worker } from '../workerd/miniflare.mjs';
import { ratios } from './rounds.mjs';

const here = fileURLToPath(new URL('here.mjs', import.meta.url));
const run = (program, ...given) => JSON.parse(execFileSync(program, [...given, here], { encoding: 'utf8' }));
const bin = (name) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));
const page = async (name) => {
  const folder = fileURLToPath(new URL('../..', import.meta.url));
  const { reports } = await inBrowser(name, folder, ['/packaging/thresholds/page.html']);
  return reports[0];
};

const RUNTIMES = {
  node: () => run(process.execPath),
  deno: () => run(bin('deno'), 'run', '--no-prompt', '--cached-only'),
  bun: () => run(bin('bun'), 'run'),
  async workerd() {
    const flare = await worker(new URL('worker.mjs', import.meta.url));
    try {
      return await ratios((how, size, count) =>
        flare.dispatchFetch(`http://localhost/?how=${how}&size=${size}&count=${count}`).then((said) => said.text()),
      );
    } finally {
      await flare.dispose();
    }
  },
  chromium: () => page('chromium'),
  firefox: () => page('firefox'),
};

for (const [name, measure] of Object.entries(RUNTIMES)) {
  const found = await measure();
  const faster = found.find(([, ratio]) => ratio > 1)?.[0];
  console.log(`${name}: WebCrypto is faster from ${faster ?? 'no measured size'} on`);
  for (const [size, ratio, time] of found) {
    console.log(`  ${size} bytes: ${time.toFixed(1)} µs, ${ratio.toFixed(2)} of WebCrypto's time`);
  }
}
