// Tests the package in Cloudflare's workerd, bundled like its command-line tool: with the condition `workerd`, and `.wasm` files
// next to the script.
import assert from 'node:assert/strict';
import { worker } from './miniflare.mjs';

const flare = await worker(new URL('worker.mjs', import.meta.url));
try {
  const response = await flare.dispatchFetch('http://localhost/');
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const { codes, drew, said } = JSON.parse(text);
  assert.equal(drew, undefined, 'randomness at module scope');
  assert.deepEqual(codes, ['ERR_NO_RANDOMNESS', 'ERR_INVALID_ARG_TYPE', 'ERR_NO_RANDOMNESS']);
  console.log(said);
} finally {
  await flare.dispose();
}
