// Tests the package in Next.js, built by webpack and by Turbopack: routes in Node and at the edge, middleware and proxy, a server
// action, and a page in Chromium.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { chromium } from '../../browser/drive.mjs';
import { agrees, alone, app, bin, port, runs, serving } from '../tools.mjs';

let cases = 0;
const routes = async (url, names) => {
  for (const name of names) cases += await agrees(`${url}/${name}`, name);
};

for (const [bundler, first, without] of [
  // Next.js 16.4 cannot build an edge route of the App Router with webpack, so webpack builds one of the Pages Router.
  ['--webpack', 'middleware', ['proxy.js', 'app/edge']],
  ['--turbopack', 'proxy', ['middleware.js']],
]) {
  const folder = app('next');
  for (const name of without) rmSync(`${folder}/${name}`, { recursive: true });
  await runs(folder, bin('next'), ['build', bundler]);
  const names = ['node', 'api/edge', first, ...(bundler === '--turbopack' ? ['edge'] : [])];
  let at = await port();
  await serving(folder, bin('next'), ['start', '-p', String(at)], at, {}, async (url) => {
    await routes(url, names);
    const said = await chromium(url, '#said');
    assert(JSON.parse(said).cases > 40, said);
    cases += JSON.parse(said).cases;
  });
  // The traced files are enough to run the server.
  at = await port();
  const traced = alone(`${folder}/.next/standalone`);
  try {
    const server = `${traced}/.build/next/server.js`;
    await serving(traced, process.execPath, [server], at, { HOSTNAME: 'localhost' }, (url) => routes(url, ['node', first]));
  } finally {
    rmSync(traced, { recursive: true });
  }
}
console.log(`Next.js: ${cases} cases agree`);
