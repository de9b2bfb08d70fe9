// Tests the example Worker in workerd: it opens tokens, hashes addresses, and discloses nothing else.
import assert from 'node:assert/strict';
import * as api from 'vetassist';
import { example } from '../example.mjs';
import { masterKey, tokens, user } from '../random.mjs';
import { worker } from '../workerd/miniflare.mjs';

const keys = [masterKey(), masterKey()];
const ring = new api.KeyRing(keys);
const old = new api.KeyRing([keys[1]]);
const calls = [];
const logged = [];

const flare = await worker(example('cloudflare-worker/worker.mjs', import.meta.url), {
  bindings: { VETASSIST_KEYS: `# the ring\n${keys.join('\n')}\n`, VA_API: 'https://api.example.com' },
  handleRuntimeStdio(...streams) {
    for (const stream of streams) stream.on('data', (text) => logged.push(String(text)));
  },
  outboundService: (request) => {
    calls.push([request.url, request.headers.get('Authorization')]);
    return new Response('the answer', { status: 203 });
  },
});
let cases = 0;
const post = (body, headers) =>
  flare.dispatchFetch('http://localhost/facilities/v1?near=1', { method: 'POST', body, headers: { 'CF-Connecting-IP': '203.0.113.7', ...headers } });
const refused = async (status, code, ...given) => {
  const response = await post(...given);
  assert.deepEqual([response.status, await response.json()], [status, { code }]);
  assert.equal(calls.length, 0, 'VA.gov is not called');
  cases += 1;
};

try {
  for (const token of [...tokens(40)].filter((text) => /^[\x21-\x7e]{1,2000}$/.test(text)).concat('a.real-looking_token')) {
    for (const seals of [ring, old]) {
      const id = user();
      const response = await post(seals.encryptToken(token, id), { 'X-User-Id': id });
      assert.deepEqual([response.status, await response.text()], [203, 'the answer']);
      assert.equal(response.headers.get('X-Caller'), api.hashIpKeyed('203.0.113.7', ring));
      assert.deepEqual(calls.splice(0), [['https://api.example.com/facilities/v1?near=1', `Bearer ${token}`]]);
      cases += 1;
    }
  }
  const id = user();
  const sealed = ring.encryptToken('token', id);
  await refused(403, 'ERR_OPEN_FAILED', sealed, { 'X-User-Id': user() });
  await refused(403, 'ERR_OPEN_FAILED', new api.KeyRing([masterKey()]).encryptToken('token', id), { 'X-User-Id': id });
  await refused(400, 'ERR_SEALED_TOO_SHORT', sealed.slice(0, 27), { 'X-User-Id': id });
  await refused(400, 'ERR_INVALID_USER_ID', sealed, { 'X-User-Id': 'x' });
  await refused(400, 'ERR_INVALID_ARG_TYPE', sealed, {});
  await refused(500, 'ERR_INVALID_ADDRESS', sealed, { 'X-User-Id': id, 'CF-Connecting-IP': 'not an address' });
  assert.equal((await flare.dispatchFetch('http://localhost/')).status, 405);
  cases += 1;
} finally {
  await flare.dispose();
}
const log = logged.join('');
assert.match(log, /"caller":"[\da-f]{64}"/);
assert.match(log, /^ERR_OPEN_FAILED$/m);
assert(!log.includes('203.0.113.7') && !log.includes('a.real-looking_token'), 'the log holds neither address nor token');
cases += 3;
console.log(`the example Worker: ${cases} cases agree`);
