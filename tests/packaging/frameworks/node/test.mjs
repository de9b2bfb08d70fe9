// The conformance tests, and which way the calls take, in other versions of Node than the machine's.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { node, runs } from '../tools.mjs';

const folder = fileURLToPath(new URL('../..', import.meta.url));
for (const major of [22, 24]) {
  for (const file of ['node-esm/test.mjs', 'node-cjs/test.cjs', 'bare/test.mjs']) {
    const said = await runs(folder, node(major), [file]);
    assert.match(said, /cases agree/);
    console.log(`${major}: ${said.trim()}`);
  }
}
