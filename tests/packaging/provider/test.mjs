// Tests the fake provider of vetassist/testing: as functions, and over HTTP with PKCE, imported and required.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import * as testing from 'vetassist/testing';

let cases = 0;
const equal = (found, expected, what) => {
  cases += 1;
  assert.deepEqual(found, expected, what);
};
const rejects = async (call, expected) => {
  cases += 1;
  await assert.rejects(call, expected);
};

const { provider } = testing;
equal(Object.keys(createRequire(import.meta.url)('vetassist/testing')).sort(), Object.keys(testing).sort());

// Refresh tokens rotate. Reuse of a refresh token revokes its family.
const va = provider({ lifetimeSeconds: 60 });
const first = va.issue('jane');
equal(va.introspect(first.access_token), { active: true, sub: 'jane', scope: 'openid offline_access', token_type: 'Bearer', exp: va.introspect(first.access_token).exp });
const second = await va.refresh(first.refresh_token);
assert.notEqual(second.refresh_token, first.refresh_token);
equal([second.expires_in, second.token_type, va.exchanges, va.reuse], [60, 'Bearer', 1, 0]);
equal([va.introspect(first.refresh_token).active, va.introspect(second.refresh_token).active], [false, true]);
await rejects(() => va.refresh(first.refresh_token), { error: 'invalid_grant' });
equal(va.reuse, 1);
await rejects(() => va.refresh(second.refresh_token), { error: 'invalid_grant' });
equal(va.introspect(second.access_token).active, false, 'the whole family is revoked');
await rejects(() => va.refresh('unknown'), { error: 'invalid_grant' });
equal(va.introspect('unknown'), { active: false });

// Without rotation the refresh token stays the same.
const steady = provider({ rotate: false });
const kept = steady.issue();
equal((await steady.refresh(kept.refresh_token)).refresh_token, kept.refresh_token);
await steady.refresh(kept.refresh_token);
equal(steady.reuse, 0);

// Time, revocation, and each fault.
const third = va.issue();
va.expire();
equal(va.introspect(third.access_token).active, false);
equal(va.introspect(va.issue().access_token).active, true, 'a token issued afterwards is active');
va.revoke(third.refresh_token);
await rejects(() => va.refresh(third.refresh_token), { error: 'invalid_grant' });
const fourth = va.issue();
va.fail();
await rejects(() => va.refresh(fourth.refresh_token), { error: 'server_error', status: 500 });
va.refuse();
await rejects(() => va.refresh(fourth.refresh_token), { error: 'invalid_grant' });
va.hang();
await rejects(() => va.refresh(fourth.refresh_token, { signal: AbortSignal.timeout(30) }), { name: 'TimeoutError' });
va.slow(60);
const began = Date.now();
const fifth = await va.refresh(fourth.refresh_token);
assert(Date.now() - began >= 55);
va.lose();
const exchanges = va.exchanges;
await rejects(() => va.refresh(fifth.refresh_token), { code: 'ECONNRESET' });
equal(va.exchanges, exchanges + 1, 'the exchange took place');
await rejects(() => va.refresh(fifth.refresh_token), { error: 'invalid_grant' });
cases += 2;

// The same over HTTP.
const http = await va.listen({ subject: 'john' });
try {
  const post = async (path, form) => {
    const response = await fetch(`${http.origin}${path}`, { method: 'POST', body: new URLSearchParams(form) });
    const text = await response.text();
    return [response.status, text && JSON.parse(text), response.headers.get('Cache-Control')];
  };
  const redirectUri = 'https://service.example/callback?from=va';
  const verifier = randomBytes(32).toString('base64url');
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  const request = { response_type: 'code', client_id: 'service', redirect_uri: redirectUri, state: 'a state', code_challenge: challenge, code_challenge_method: 'S256', scope: 'openid' };
  const authorize = async (more = {}) => {
    const asked = Object.entries({ ...request, ...more }).filter(([, value]) => value !== undefined);
    const response = await fetch(`${http.origin}/authorize?${new URLSearchParams(asked)}`, { redirect: 'manual' });
    return [response.status, response.headers.get('Location') && new URL(response.headers.get('Location'))];
  };
  const codeOf = async () => (await authorize())[1].searchParams.get('code');
  const grant = (code, more = {}) => ({ grant_type: 'authorization_code', code, client_id: 'service', redirect_uri: redirectUri, code_verifier: verifier, ...more });

  const [status, back] = await authorize();
  equal([status, back.origin, back.searchParams.get('from'), back.searchParams.get('state')], [302, 'https://service.example', 'va', 'a state']);
  const code = back.searchParams.get('code');
  const [granted, tokens, cached] = await post('/token', grant(code));
  equal([granted, tokens.scope, cached, va.introspect(tokens.access_token).sub], [200, 'openid', 'no-store', 'john']);
  equal((await post('/token', grant(code))).slice(0, 2), [400, { error: 'invalid_grant' }], 'a code can be used once');
  for (const wrong of [{ code_verifier: 'another' }, { client_id: 'another' }, { redirect_uri: 'https://evil.example/' }]) {
    const fresh = await codeOf();
    equal((await post('/token', grant(fresh, wrong))).slice(0, 2), [400, { error: 'invalid_grant' }]);
    equal((await post('/token', grant(fresh)))[0], 400, 'a failed use also consumes the code');
  }
  for (const missing of [{ state: undefined }, { code_challenge: undefined }, { code_challenge_method: 'plain' }, { response_type: 'token' }]) {
    const [sent, target] = await authorize(missing);
    equal([sent, target.searchParams.get('error'), target.searchParams.has('code')], [302, 'invalid_request', false]);
  }
  equal((await authorize({ redirect_uri: undefined }))[0], 400, 'without redirect_uri there is no redirect');
  equal((await post('/token', { grant_type: 'password' })).slice(0, 2), [400, { error: 'unsupported_grant_type' }]);
  equal((await post('/nowhere', {}))[0], 404);

  const renewed = await http.refresh(tokens.refresh_token);
  equal((await post('/introspect', { token: renewed.access_token }))[1].active, true);
  va.fail();
  await rejects(() => http.refresh(renewed.refresh_token), { error: 'server_error', status: 500 });
  va.hang();
  await rejects(() => http.refresh(renewed.refresh_token, { signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' });
  va.lose();
  await rejects(() => http.refresh(renewed.refresh_token), (error) => error.error === undefined);
  await rejects(() => http.refresh(renewed.refresh_token), { error: 'invalid_grant' });
  const another = va.issue();
  equal(await post('/revoke', { token: another.refresh_token }), [200, '', 'no-store']);
  equal((await post('/introspect', { token: another.access_token }))[1], { active: false });
  equal((await post('/token', { grant_type: 'refresh_token', refresh_token: another.refresh_token }))[1], { error: 'invalid_grant' });
} finally {
  await http.close();
}
await rejects(() => fetch(`${http.origin}/authorize`), TypeError);
console.log(`the fake provider: ${cases} cases agree`);
