// A Worker with a database, from the sign-in at VA.gov to the erasure. The Worker seals the tokens, and the database has the
// plain file. HYPERDRIVE is a binding; VETASSIST_KEYS (the ring, one key of 64 digits on each line) and COOKIE_KEY (64 digits)
// are secrets; VA_ORIGIN, VA_API and CLIENT_ID are variables.
//
//     GET /sign-in   GET /callback   GET /records   POST /sign-out   POST /erase
import pg from 'pg';
import { Key, KeyRing } from 'vetassist';
import { clientAddress, createClient, fromPg } from 'vetassist/client';

const A_DAY = 86_400;
// Created once for each instance of the Worker, at its first request, because secrets come with requests.
let ring;
let cookies;

/** Posts a form to an endpoint of VA.gov, and returns the response. */
async function ask(env, path, form, signal) {
  const response = await fetch(`${env.VA_ORIGIN}${path}`, { method: 'POST', body: new URLSearchParams(form), signal });
  const text = await response.text();
  const answer = text === '' ? {} : JSON.parse(text);
  if (!response.ok) throw Object.assign(new Error(`VA.gov answered ${response.status}`), { error: answer.error });
  return answer;
}

/** Calls a function with a client for this request. The connection ends when all exchanges of the request have ended. */
async function withClient(env, context, call) {
  ring ??= KeyRing.parse(env.VETASSIST_KEYS);
  const connection = new pg.Client({ connectionString: env.HYPERDRIVE.connectionString });
  await connection.connect();
  const work = [];
  const vetassist = createClient({
    db: fromPg(connection),
    ring,
    refresh: (refreshToken, { signal }) =>
      ask(env, '/token', { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: env.CLIENT_ID }, signal),
    waitUntil: (carried) => work.push(carried),
  });
  try {
    return await call(vetassist);
  } finally {
    context.waitUntil(Promise.allSettled(work).then(() => connection.end()));
  }
}

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const fromHex = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
const cookieOf = (request, name) => request.headers.get('Cookie')?.match(new RegExp(`(?:^|; )${name}=([\\w-]+)`))?.[1];
const setCookie = (name, value, seconds) => ({ 'Set-Cookie': `${name}=${value}; Max-Age=${seconds}; Path=/; HttpOnly; Secure; SameSite=Lax` });

async function signIn(request, env) {
  const [state, verifier] = [random(), random()];
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
  const to = new URL('/authorize', env.VA_ORIGIN);
  to.search = new URLSearchParams({
    response_type: 'code',
    client_id: env.CLIENT_ID,
    redirect_uri: new URL('/callback', request.url).href,
    scope: 'openid offline_access',
    state,
    code_challenge: base64url(digest),
    code_challenge_method: 'S256',
  });
  const sealed = cookies.sealToText(JSON.stringify({ state, verifier }), 'signing-in');
  return new Response(null, { status: 302, headers: { Location: to.href, ...setCookie('signing-in', sealed, 600) } });
}

async function callback(request, env, vetassist) {
  const { searchParams: given } = new URL(request.url);
  const { state, verifier } = JSON.parse(cookies.openFromText(cookieOf(request, 'signing-in') ?? '', 'signing-in'));
  if (given.get('state') !== state || !given.get('code')) return new Response('Sign in again.', { status: 400 });
  const tokens = await ask(env, '/token', {
    grant_type: 'authorization_code',
    code: given.get('code'),
    client_id: env.CLIENT_ID,
    redirect_uri: new URL('/callback', request.url).href,
    code_verifier: verifier,
  });
  const { sub } = await ask(env, '/introspect', { token: tokens.access_token });
  const { jwtId } = await vetassist.signIn({
    vaIcn: sub,
    tokens,
    session: { expiresInSeconds: A_DAY, deviceInfo: { agent: request.headers.get('User-Agent') } },
    ip: clientAddress(request.headers, 'cf-connecting-ip'),
  });
  return new Response(null, { status: 303, headers: { Location: '/records', ...setCookie('session', cookies.sealToText(jwtId, 'session'), A_DAY) } });
}

async function signedIn(request, env, vetassist) {
  const sealed = cookieOf(request, 'session');
  const jwtId = sealed && cookies.openFromText(sealed, 'session');
  const session = jwtId && (await vetassist.session(jwtId));
  if (!session) return new Response('Sign in first.', { status: 401 });
  const { userId } = session;
  switch (`${request.method} ${new URL(request.url).pathname}`) {
    case 'GET /records':
      return vetassist.withToken(userId, (token) => fetch(env.VA_API, { headers: { Authorization: `Bearer ${token}` } }));
    case 'POST /sign-out':
      return Response.json({ ended: await vetassist.endSession({ jwtId }, userId) });
    case 'POST /erase': {
      const { erased, tokens } = await vetassist.eraseUser(userId);
      if (tokens?.refreshToken) await ask(env, '/revoke', { token: tokens.refreshToken });
      return Response.json({ erased });
    }
    default:
      return new Response('There is nothing here.', { status: 404 });
  }
}

export default {
  async fetch(request, env, context) {
    cookies ??= new Key(fromHex(env.COOKIE_KEY));
    const { pathname } = new URL(request.url);
    try {
      if (pathname === '/sign-in') return await signIn(request, env);
      return await withClient(env, context, (vetassist) => (pathname === '/callback' ? callback : signedIn)(request, env, vetassist));
    } catch (error) {
      console.error(error.code ?? error.name);
      if (error.code === 'ERR_SIGN_IN_AGAIN' || error.error === 'invalid_grant') return new Response('Sign in again.', { status: 401 });
      if (error.code === 'ERR_ACCOUNT_INACTIVE') return new Response('The account is not active.', { status: 403 });
      return new Response('Try again later.', { status: error.retryable ? 503 : 500 });
    }
  },

  /** Runs as a cron: refreshes tokens that expire soon, so that requests need not wait. */
  async scheduled(event, env, context) {
    await withClient(env, context, async (vetassist) => {
      while ((await vetassist.refreshExpiring()).more);
    });
  },
};
