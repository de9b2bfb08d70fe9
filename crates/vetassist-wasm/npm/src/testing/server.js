// The fake provider over HTTP, with endpoints for authorization, tokens, revocation and introspection.

import { optional } from './optional.js';
import { oauthError } from './oauth.js';

/** Returns the form of a request. */
async function formOf(request) {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk;
    if (body.length > 65_536) throw oauthError('invalid_request', 413);
  }
  return new URLSearchParams(body);
}

function authorized(endpoint, { searchParams: asked }, subject) {
  const [clientId, redirectUri, challenge] = ['client_id', 'redirect_uri', 'code_challenge'].map((name) => asked.get(name));
  // An invalid redirection is not followed (RFC 6749 section 4.1.2.1).
  if (!clientId || !URL.canParse(redirectUri ?? '')) throw oauthError('invalid_request');
  const back = new URL(redirectUri);
  const state = asked.get('state');
  if (state) back.searchParams.set('state', state);
  const isRight = asked.get('response_type') === 'code' && state && challenge && asked.get('code_challenge_method') === 'S256';
  if (isRight) {
    const scope = asked.get('scope') ?? undefined;
    back.searchParams.set('code', endpoint.authorize({ clientId, redirectUri, challenge, scope, subject }));
  } else {
    back.searchParams.set('error', 'invalid_request');
  }
  return back;
}

async function token(endpoint, form) {
  switch (form.get('grant_type')) {
    case 'authorization_code': {
      const [code, clientId, redirectUri, verifier] = ['code', 'client_id', 'redirect_uri', 'code_verifier'].map((name) => form.get(name));
      return endpoint.redeem({ code, clientId, redirectUri, verifier });
    }
    case 'refresh_token':
      return endpoint.exchange(form.get('refresh_token'));
    default:
      throw oauthError('unsupported_grant_type');
  }
}

export async function listening(endpoint, carriedOut, { port = 0, subject = 'somebody' } = {}) {
  const { createServer } = await optional('node:http');

  async function answered(request, response, signal) {
    const url = new URL(request.url, 'http://localhost');
    const said = (status, body, headers = {}) => {
      response.writeHead(status, { 'Cache-Control': 'no-store', ...(body && { 'Content-Type': 'application/json' }), ...headers });
      response.end(body && JSON.stringify(body));
    };
    const route = `${request.method} ${url.pathname}`;
    if (route === 'GET /authorize') return said(302, undefined, { Location: authorized(endpoint, url, subject).href });
    if (request.method !== 'POST') return said(404, { error: 'not_found' });
    const form = await formOf(request);
    switch (url.pathname) {
      case '/token':
        return said(200, await carriedOut(() => token(endpoint, form), signal));
      case '/revoke':
        endpoint.revoke(form.get('token'));
        return said(200);
      case '/introspect':
        return said(200, endpoint.introspect(form.get('token')));
      default:
        return said(404, { error: 'not_found' });
    }
  }

  const server = createServer((request, response) => {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    answered(request, response, gone.signal).catch((cause) => {
      // The response is lost, so the client sees a broken connection.
      if (cause?.isLost || gone.signal.aborted) return response.destroy();
      response.writeHead(cause?.status ?? 500, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
      response.end(JSON.stringify({ error: cause?.error ?? 'server_error' }));
    });
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const origin = `http://127.0.0.1:${server.address().port}`;

  /** Sends a form to the token endpoint over HTTP. */
  async function ask(form, signal) {
    const response = await fetch(`${origin}/token`, { method: 'POST', body: new URLSearchParams(form), ...(signal && { signal }) });
    const body = await response.json();
    if (!response.ok) throw oauthError(body.error, response.status);
    return body;
  }

  return {
    origin,
    /** Exchanges a refresh token over HTTP. Pass it to createClient as `refresh`. */
    refresh: (refreshToken, { signal } = {}) => ask({ grant_type: 'refresh_token', refresh_token: refreshToken }, signal),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
