// Runs projects, one more at the same time than there are processors: node each.mjs NAME…
//
// A name is that of a script `test:NAME` of package.json, or `frameworks/NAME`.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const { scripts } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const PATH = [join(here, 'node_modules/.bin'), process.env.PATH].join(delimiter);

/** Returns the command of a project and its folder. */
function commandOf(name) {
  const [folder, project] = name.split('/');
  const [script, cwd] = project === undefined ? [scripts[`test:${name}`], here] : [`node ${project}/test.mjs`, join(here, folder)];
  if (script === undefined) throw new Error(`there is no project ${name}`);
  return [script, cwd];
}

/** Runs a project and prints its output. A project whose output does not contain `cases agree` has failed. */
async function run(name) {
  const [script, cwd] = commandOf(name);
  const child = spawn(script, { cwd, env: { ...process.env, PATH }, shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let [said, complained] = ['', ''];
  child.stdout.on('data', (text) => (said += text));
  child.stderr.on('data', (text) => (complained += text));
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  const passed = code === 0 && said.includes('cases agree');
  process.stdout.write((passed ? said : `${name} FAILED\n${said}${complained}`).trimEnd().replaceAll(/^/gm, '    '));
  process.stdout.write('\n');
  return passed;
}

const waiting = process.argv.slice(2);
const failed = [];
async function runWaiting() {
  for (let name; failed.length === 0 && (name = waiting.shift()) !== undefined; ) {
    if (!(await run(name))) failed.push(name);
  }
}
// A project waits for a browser or a server half of the time.
await Promise.all(Array.from({ length: availableParallelism() + 1 }, runWaiting));
if (failed.length > 0) throw new Error(`${failed} failed`);
