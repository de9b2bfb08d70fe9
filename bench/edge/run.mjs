// Measures the npm package beside the alternatives, in each runtime. Prints one comparison on each line, as JSON.
//
//     node run.mjs [--short] [--runtime NAME]…
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { inBrowser } from '../../tests/packaging/browser/drive.mjs';
import { bundled } from '../../tests/packaging/browser/bundle.mjs';
import { worker } from '../../tests/packaging/workerd/miniflare.mjs';
import { all, compared, SIZES } from './ways.mjs';

const { values } = parseArgs({ options: { short: { type: 'boolean' }, runtime: { type: 'string', multiple: true } } });
const effort = values.short ? { rounds: 1, sample: 1 } : { rounds: 9, sample: 25 };
const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const bin = (name) => file(`../../tests/packaging/node_modules/.bin/${name}`);
const say = (comparison) => console.log(JSON.stringify(comparison));

if (!existsSync(file('node_modules/vetassist'))) {
  console.error('there is no package to measure: run `cargo xtask bench`');
  process.exit(1);
}

/** Measures in a runtime that runs `here.mjs` as a program. */
function here(runtime, program, ...given) {
  const { status, stdout } = spawnSync(program, [...given, file('here.mjs'), runtime, effort.rounds, effort.sample].map(String), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`${runtime} failed`);
  process.stdout.write(stdout);
}

/** Measures the time from the start of Node to the first result, beside an empty script. */
async function start() {
  const folder = await mkdtemp(join(tmpdir(), 'vetassist-start-'));
  try {
    const [empty, ours] = [join(folder, 'empty.mjs'), file('first.mjs')];
    await writeFile(empty, '');
    const milliseconds = (script) => {
      const started = performance.now();
      execFileSync(process.execPath, [script], { stdio: 'ignore' });
      return performance.now() - started;
    };
    const rounds = [];
    milliseconds(ours);
    for (let round = 0; round < (values.short ? 1 : 21); round++) {
      const took = new Map();
      for (const script of round % 2 ? [empty, ours] : [ours, empty]) took.set(script, milliseconds(script));
      rounds.push([took.get(ours) * 1e6, (1.3 * took.get(empty) + 10) * 1e6]);
    }
    say({ family: 'edge-start', what: 'Node to the first seal', ours: 'vetassist', other: '1.3 of an empty script + 10 ms', unit: 'ns', target: 1, rounds });
  } finally {
    await rm(folder, { recursive: true });
  }
}

const RUNTIMES = {
  async node() {
    here('node', process.execPath);
    await start();
  },
  deno: () => here('deno', bin('deno'), 'run', '--no-prompt', '--cached-only', '--allow-env', '--allow-read'),
  bun: () => here('bun', bin('bun'), 'run'),
  async workerd() {
    const flare = await worker(new URL('worker.mjs', import.meta.url));
    try {
      const run = async (action, way, size, count) => {
        const query = new URLSearchParams({ action, way, size, count });
        const response = await flare.dispatchFetch(`http://localhost/?${query}`);
        if (!response.ok) throw new Error(await response.text());
        return response.json();
      };
      // Samples are longer, because a request itself takes a millisecond or two.
      const longer = { ...effort, sample: values.short ? 1 : 100 };
      await all('workerd', await run('seal', 'vetassist', 1, 1), run, longer, say);
    } finally {
      await flare.dispose();
    }
  },
  async chromium() {
    const folder = await bundled(file('page.mjs'));
    try {
      for (const [action, sizes] of [['seal', SIZES], ['open', SIZES], ['hash', [0]]]) {
        const paths = sizes.map((size) => `/page.html?${new URLSearchParams({ action, size, ...effort })}`);
        const { reports } = await inBrowser('chromium', folder, paths);
        reports.forEach((times, at) => compared('chromium', action, sizes[at], times).forEach(say));
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

for (const [name, measure] of Object.entries(RUNTIMES)) {
  if (values.runtime !== undefined && !values.runtime.includes(name)) continue;
  console.error(`    ${name}`);
  await measure();
}
