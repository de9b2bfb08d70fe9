// The command of the npm package and the program, side by side.
//
// VETASSIST_TEST_AUDIT is the path of the program.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const { VETASSIST_TEST_AUDIT: program } = process.env;
assert(program, 'VETASSIST_TEST_AUDIT must be set');
const manifest = createRequire(import.meta.url).resolve('vetassist/package.json');
export const packageFolder = dirname(manifest);
const bin = join(packageFolder, JSON.parse(readFileSync(manifest, 'utf8')).bin.vetassist);

/** Starts a program, and promises how it ends; `child` is the process. */
function started(path, args, { env = {}, stdout = 'pipe' } = {}) {
  const { DATABASE_URL: _, ...inherited } = process.env;
  const child = spawn(path, args, { env: { ...inherited, ...env }, stdio: ['ignore', stdout, 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name]?.setEncoding('utf8').on('data', (text) => (said[name] += text));
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, ...said }));
  });
  return Object.assign(ended, { child });
}

/** Runs `vetassist` of the package. */
export const vetassist = (args, options) => started(process.execPath, [bin, ...args], options);
/** Runs `vetassist audit` of the package, from any copy of it. */
export const ours = (args, options = {}) => started(process.execPath, [options.bin ?? bin, 'audit', ...args], options);
/** Runs the program. */
export const theirs = (args, options) => started(program, args, options);

let compared = 0;

/** Returns how often both were compared. */
export const comparisons = () => compared;

/** Runs one after the other, and returns what they have in common. */
export async function both(args, options) {
  // The names that the two go by.
  const named = ({ stdout, stderr, ...ended }) => {
    const [out, errors] = [stdout, stderr].map((said) => said.replaceAll('vetassist audit', 'vetassist-audit'));
    return { ...ended, stdout: out, stderr: errors };
  };
  const [us, them] = [named(await ours(args, options)), named(await theirs(args, options))];
  assert.deepEqual(us, them, args.join(' '));
  compared += 1;
  return us;
}
