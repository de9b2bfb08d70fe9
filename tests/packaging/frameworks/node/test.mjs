// Runs the conformance tests in other versions of Node, and checks which implementation the calls use and how long they take.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { node, runs } from '../tools.mjs';

// A call may take at most this multiple of the faster implementation's time. More means that a version of Node made one slow.
const MOST = 2;
const folder = fileURLToPath(new URL('../..', import.meta.url));
for (const major of [22, 24]) {
  for (const file of ['node-esm/test.mjs', 'node-cjs/test.cjs', 'bare/test.mjs']) {
    const said = await runs(folder, node(major), [file]);
    assert.match(said, /cases agree/);
    console.log(`${major}: ${said.trim()}`);
  }
  const found = JSON.parse(await runs(folder, node(major), ['thresholds/here.mjs', '20', '6', '64', '256', '1024']));
  for (const { action, size, ours, module, node: crypto } of found) {
    const ratio = ours / Math.min(module, crypto);
    assert(ratio < MOST, `${major}: to ${action} ${size} bytes takes ${ratio} times the faster implementation's time`);
  }
  console.log(`${major}: times of calls: ${found.length} cases agree`);
}
