// Tests the package under Jest in jsdom, which has no TextEncoder, and in Node.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { app, bin, runs } from '../tools.mjs';

const folder = app('jest');
// Jest uses CommonJS.
const check = readFileSync(`${folder}/check.mjs`, 'utf8').replace('export function check', 'exports.check = function check');
writeFileSync(`${folder}/check.cjs`, check);
let cases = 0;
for (const environment of ['jsdom', 'node']) {
  writeFileSync(
    `${folder}/vetassist.test.js`,
    readFileSync(`${folder}/vetassist.test.js`, 'utf8').replace(/toBe\('(object|undefined)'\)/, `toBe('${environment === 'jsdom' ? 'object' : 'undefined'}')`),
  );
  const out = `${folder}/said-${environment}.json`;
  await runs(folder, bin('jest'), ['--env', environment, '--json', '--outputFile', out, '--no-cache']);
  const said = JSON.parse(readFileSync(out, 'utf8'));
  assert.equal(said.numPassedTests, 1);
  cases += said.numPassedTests;
}
console.log(`Jest: ${cases} cases agree`);
