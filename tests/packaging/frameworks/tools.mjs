// What the tests of the apps share: folders, programs, servers.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const here = fileURLToPath(new URL('.', import.meta.url));
export const bin = (name) => `${here}node_modules/.bin/${name}`;
export const deno = `${here}../node_modules/.bin/deno`;

/** Copies an app, and the cases, to a folder where it finds the packages, and returns the folder. */
export function app(name) {
  const folder = `${here}.build/${name}`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(`${here}${name}`, folder, { recursive: true });
  cpSync(`${here}check.mjs`, `${folder}/check.mjs`);
  return folder;
}

/** Copies what was built to where nothing is beside it, and returns the folder. */
export function alone(built) {
  const folder = mkdtempSync(join(tmpdir(), 'vetassist-alone-'));
  cpSync(built, folder, { recursive: true });
  return folder;
}

/** Runs a program to its end, and returns what it printed. */
export async function runs(cwd, program, args, env = {}) {
  try {
    const { stdout } = await promisify(execFile)(program, args, {
      cwd,
      env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', WRANGLER_SEND_METRICS: 'false', NITRO_TELEMETRY_DISABLED: '1', CI: 'true', ...env },
      maxBuffer: 2 ** 26,
    });
    return stdout;
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')} failed:\n${error.stdout}\n${error.stderr}`);
  }
}

/** A port that is free. */
export async function port() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: found } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return found;
}

/** Starts a server, waits until it answers, gives its address to `use`, and ends it. */
export async function serving(cwd, program, args, at, env, use) {
  const url = `http://localhost:${at}`;
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', WRANGLER_SEND_METRICS: 'false', CI: 'true', PORT: String(at), HOST: 'localhost', ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  const ended = new Promise((resolve) => child.on('exit', resolve));
  try {
    for (let tries = 0; ; tries++) {
      try {
        await fetch(url, { signal: AbortSignal.timeout(30_000) });
        break;
      } catch (error) {
        assert(tries < 240 && child.exitCode === null, `${program} does not answer: ${error}\n${said}`);
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    }
    return await use(url, () => said);
  } catch (error) {
    throw new Error(`${error.stack}\nwhat the server said:\n${said}`);
  } finally {
    // Its children too, which are a group of their own.
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {}
    await ended;
  }
}

/** Checks the response of a route: the number of cases that agree. */
export async function agrees(url, what) {
  const response = await fetch(url);
  const text = await response.text();
  assert.equal(response.status, 200, `${what}: ${text}`);
  const { cases } = JSON.parse(text);
  assert(cases > 20, `${what}: ${text}`);
  return cases;
}

const arch = { x64: 'x64', arm64: 'arm64' }[process.arch];
/** Other versions of Node than the machine's. */
export const node = (major) => `${here}node_modules/node${major}-${arch}/bin/node`;
const wrangler = `${here}node_modules/wrangler/bin/wrangler.js`;

/** Runs a Worker as `wrangler dev` does, gives its address to `use`, and returns what that returns. */
export async function onWorkerd(folder, script, use, more = ['--compatibility-flags', 'nodejs_compat']) {
  const at = await port();
  const args = [wrangler, 'dev', script, '--port', String(at), '--inspector-port', String(await port()), '--compatibility-date', '2026-04-01', ...more];
  return serving(folder, node(22), args, at, {}, use);
}

/** Builds a Worker as `wrangler deploy` does, and uploads nothing. */
export const dryRun = (folder, script, out) =>
  runs(folder, node(22), [wrangler, 'deploy', script, '--dry-run', '--outdir', out]);
