// Tests the package under Vitest in jsdom.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { app, bin, node, runs } from '../tools.mjs';

const folder = app('vitest');
const out = `${folder}/said.json`;
await runs(folder, node(22), [bin('vitest'), 'run', 'vetassist', '--environment', 'jsdom', '--reporter', 'json', '--outputFile', out]);
const { numPassedTests } = JSON.parse(readFileSync(out, 'utf8'));
assert.equal(numPassedTests, 1);
console.log(`Vitest: ${numPassedTests} cases agree`);
