// A Worker between a front end and VA.gov's API: it opens the caller's token, calls with it, and says in its log
// whose call it was by a keyed hash of the address. Neither token nor address leaves it.
//
//     POST /facilities/v1   X-User-Id: <uuid>   body: the sealed token, as vetassist_va_tokens holds it
//
// `wrangler secret put VETASSIST_KEYS` takes the ring, the lines of the server's key file; VA_API is a variable.
import { hashIpKeyed, KeyRing, VetassistError } from 'vetassist';

// Made once for each instance of the Worker, at its first request: secrets come with requests.
let ring;

const refusal = (status, code) => Response.json({ code }, { status });

// What the caller did, and what is ours to mend.
const STATUS = {
  ERR_INVALID_USER_ID: 400,
  ERR_INVALID_ARG_TYPE: 400,
  ERR_SEALED_TOO_SHORT: 400,
  ERR_OPEN_FAILED: 403,
};

export default {
  async fetch(request, env) {
    if (request.method !== 'POST') return refusal(405, 'ERR_METHOD');
    try {
      ring ??= KeyRing.parse(env.VETASSIST_KEYS);
      const caller = hashIpKeyed(request.headers.get('CF-Connecting-IP'), ring);
      const sealed = await request.arrayBuffer();
      const token = ring.decryptToken(sealed, request.headers.get('X-User-Id'));

      const { pathname, search } = new URL(request.url);
      const answer = await fetch(new URL(pathname + search, env.VA_API), {
        headers: { Authorization: `Bearer ${token}` },
      });
      console.log(JSON.stringify({ caller, pathname, status: answer.status }));
      return new Response(answer.body, { status: answer.status, headers: { 'X-Caller': caller } });
    } catch (error) {
      if (!(error instanceof VetassistError)) throw error;
      // The message holds no secret either, but it is nobody's business outside.
      console.error(error.code);
      return refusal(STATUS[error.code] ?? 500, error.code);
    }
  },
};
