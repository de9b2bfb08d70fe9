// Shared functions for the tests of the apps: folders, programs, servers.
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

/** Copies an app and check.mjs to a folder where Node finds the packages, and returns the folder. */
export function app(name) {
  const folder = `${here}.build/${name}`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(`${here}${name}`, folder, { recursive: true });
  cpSync(`${here}check.mjs`, `${folder}/check.mjs`);
  return folder;
}

/** Copies a built folder to a new folder without other files, and returns that. */
export function alone(built) {
  const folder = mkdtempSync(join(tmpdir(), 'vetassist-alone-'));
  cpSync(built, folder, { recursive: true });
  return folder;
}

/** Runs a program, and returns its output. */
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

/** Returns a free port. */
export async function port() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: found } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return found;
}

/** Starts a server, waits until it responds, passes its address to `use`, and stops it. */
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
    throw new Error(`${error.stack}\noutput of the server:\n${said}`);
  } finally {
    // The server and its children are a process group.
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {}
    await ended;
  }
}

/** Checks the response of a route, and returns the number of cases that agree. */
export async function agrees(url, what) {
  const response = await fetch(url);
  const text = await response.text();
  assert.equal(response.status, 200, `${what}: ${text}`);
  const { cases } = JSON.parse(text);
  assert(cases > 20, `${what}: ${text}`);
  return cases;
}

const arch = { x64: 'x64', arm64: 'arm64' }[process.arch];
/** Returns the path of another version of Node. */
export const node = (major) => `${here}node_modules/node${major}-${arch}/bin/node`;
const wrangler = `${here}node_modules/wrangler/bin/wrangler.js`;

/** Runs a Worker with `wrangler dev`, passes its address to `use`, and returns the result of `use`. */
export async function onWorkerd(folder, script, use, more = ['--compatibility-flags', 'nodejs_compat']) {
  const at = await port();
  const args = [wrangler, 'dev', script, '--port', String(at), '--inspector-port', String(await port()), '--compatibility-date', '2026-04-01', ...more];
  return serving(folder, node(22), args, at, {}, use);
}

/** Builds a Worker with `wrangler deploy` without uploading it. */
export const dryRun = (folder, script, out) =>
  runs(folder, node(22), [wrangler, 'deploy', script, '--dry-run', '--outdir', out]);
