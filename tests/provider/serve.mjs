// Serves the fake provider of vetassist/testing over HTTP for many users, with the faults of a real one. It prints every exchange.
//
//     node serve.mjs USERS LIFETIME_SECONDS
//
// It prints `listens ORIGIN`, `user NUMBER REFRESH_TOKEN` for each user, and `ready`. After that it prints, with AT in milliseconds
// since 1970: `asked AT USER` for each exchange, `gave AT USER OLD NEW FAULT` for new tokens, `reused AT USER TOKEN` for a used
// token, `signed AT USER CODE TOKEN` for the refresh token of a new sign-in. A sign-in names its user in the redirection. Of every
// twenty users, the first always gets status 500, and the second one's grant is revoked.
import { waited } from '../../crates/vetassist-wasm/npm/src/testing/faults.js';
import { authority, oauthError } from '../../crates/vetassist-wasm/npm/src/testing/oauth.js';
import { listening } from '../../crates/vetassist-wasm/npm/src/testing/server.js';

const [users, lifetimeSeconds] = process.argv.slice(2).map(Number);
const endpoint = authority({ lifetimeSeconds });
// The user of each issued refresh token.
const owners = new Map();
let fault = 'none';

const tell = (what, ...more) => process.stdout.write(`${[what, Date.now(), ...more].join(' ')}\n`);

function exchange(token) {
  const user = owners.get(token) ?? 'nobody';
  tell('asked', user);
  if (user % 20 === 0) throw oauthError('server_error', 500);
  const { reuse } = endpoint.counts;
  try {
    const answer = endpoint.exchange(token);
    owners.set(answer.refresh_token, user);
    tell('gave', user, token, answer.refresh_token, fault);
    return answer;
  } finally {
    if (endpoint.counts.reuse > reuse) tell('reused', user, token);
  }
}

function authorize(request) {
  return endpoint.authorize({ ...request, subject: new URL(request.redirectUri).searchParams.get('user') });
}

async function redeem(form) {
  const answer = await endpoint.redeem(form);
  const user = Number(endpoint.introspect(answer.access_token).sub);
  owners.set(answer.refresh_token, user);
  tell('signed', user, form.code, answer.refresh_token);
  return answer;
}

/** Responds like a real endpoint: nearly always quickly. */
async function respond(answer, signal) {
  const drawn = Math.random();
  await waited(drawn < 0.02 ? 300 + 1000 * Math.random() : 5 + 30 * Math.random(), signal);
  if (drawn > 0.98) throw oauthError('server_error', 500);
  if (drawn > 0.978) return waited(2 ** 31 - 1, signal);
  if (drawn < 0.976) return answer();
  // No other request runs during this call, so the fault belongs to it.
  fault = 'lost';
  const given = answer();
  fault = 'none';
  await given;
  throw Object.assign(new Error('the connection was lost after the tokens were exchanged'), { isLost: true });
}

const { origin } = await listening({ ...endpoint, authorize, redeem, exchange }, respond);
const lines = [`listens ${origin}`];
for (let user = 0; user < users; user++) {
  const token = endpoint.issue(String(user)).refresh_token;
  owners.set(token, user);
  lines.push(`user ${user} ${token}`);
  if (user % 20 === 1) endpoint.revoke(token);
}
process.stdout.write(`${[...lines, 'ready'].join('\n')}\n`);
// Ends with the process that started it.
process.stdin.resume().on('end', () => process.exit());
