// Measures from which size node:crypto, or WebCrypto in runtimes without it, is faster than the module: npm run thresholds
// [RUNTIME]…
//
// The thresholds in `node_crypto.js` and `webcrypto.js` of the package come from this output. It also prints the package's time
// as a multiple of the faster implementation's; more than 1.15 is too much.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inBrowser } from '../browser/drive.mjs';
import { worker } from '../workerd/miniflare.mjs';
import { ratios } from './rounds.mjs';

const MOST = 1.15;
const here = fileURLToPath(new URL('here.mjs', import.meta.url));
const bin = (name) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));
const node = (major) => fileURLToPath(new URL(`../frameworks/node_modules/node${major}-${process.arch}/bin/node`, import.meta.url));

/** Runs here.mjs in a program, and prints its results. */
function compareWithNodeCrypto(name, program, ...given) {
  if (!existsSync(program)) {
    console.log(`${name}: not installed`);
    return;
  }
  const found = JSON.parse(execFileSync(program, [...given, here], { encoding: 'utf8' }));
  for (const action of ['seal', 'open']) {
    const of = found.filter((each) => each.action === action);
    const last = of.findLastIndex(({ module, node: crypto }) => module < crypto);
    console.log(`${name}: node:crypto is faster to ${action} from ${of[last + 1]?.size ?? 'no measured size'} bytes on`);
    for (const { size, ours, module, node: crypto } of of) {
      const ratio = ours / Math.min(module, crypto);
      const mark = ratio > MOST ? ', ABOVE THE LIMIT' : '';
      console.log(`  ${size} bytes: ${Math.round(ours)} ns, ${ratio.toFixed(2)} times the faster one (module ${Math.round(module)}, node:crypto ${Math.round(crypto)})${mark}`);
    }
  }
}

/** Prints from which size WebCrypto is faster. */
function printComparisonWithWebCrypto(name, found) {
  const faster = found.find(([, ratio]) => ratio > 1)?.[0];
  console.log(`${name}: WebCrypto is faster from ${faster ?? 'no measured size'} bytes on`);
  for (const [size, ratio, time] of found) {
    console.log(`  ${size} bytes: ${time.toFixed(1)} µs, ${ratio.toFixed(2)} times WebCrypto's time`);
  }
}

async function inPage(name) {
  const folder = fileURLToPath(new URL('../..', import.meta.url));
  const { reports } = await inBrowser(name, folder, ['/packaging/thresholds/page.html']);
  printComparisonWithWebCrypto(name, reports[0]);
}

const RUNTIMES = {
  node: () => compareWithNodeCrypto('node', process.execPath),
  node22: () => compareWithNodeCrypto('node 22', node(22)),
  node24: () => compareWithNodeCrypto('node 24', node(24)),
  deno: () => compareWithNodeCrypto('deno', bin('deno'), 'run', '--no-prompt', '--cached-only', '--allow-read'),
  bun: () => compareWithNodeCrypto('bun', bin('bun'), 'run'),
  async workerd() {
    const flare = await worker(new URL('worker.mjs', import.meta.url));
    try {
      const run = (how, size, count) =>
        flare.dispatchFetch(`http://localhost/?how=${how}&size=${size}&count=${count}`).then((said) => said.text());
      printComparisonWithWebCrypto('workerd', await ratios(run));
    } finally {
      await flare.dispose();
    }
  },
  chromium: () => inPage('chromium'),
  firefox: () => inPage('firefox'),
};

const wanted = process.argv.slice(2);
for (const [name, measure] of Object.entries(RUNTIMES)) {
  if (wanted.length === 0 || wanted.includes(name)) await measure();
}
