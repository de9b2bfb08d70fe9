// The conformance tests, which way the calls take and what they cost, in other versions of Node than the machine's.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { node, runs } from '../tools.mjs';

// So much of the better way's time is no noise: a version of Node has made one of the ways slow.
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
    assert(ratio < MOST, `${major}: to ${action} ${size} bytes takes ${ratio} of the better way's time`);
  }
  console.log(`${major}: what calls cost: ${found.length} cases agree`);
}
