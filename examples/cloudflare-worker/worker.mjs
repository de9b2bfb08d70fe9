// A Worker between a front end and VA.gov's API: it opens the caller's token, calls the API with it, and logs a keyed hash
// of the caller's address. It logs neither the token nor the address.
//
//     POST /facilities/v1   X-User-Id: <uuid>   body: the sealed token from vetassist_va_tokens
//
// `wrangler secret put VETASSIST_KEYS` takes the ring, the text of the server's key file; VA_API is a variable.
import { hashIpKeyed, KeyRing, VetassistError } from 'vetassist';

// Created once for each instance of the Worker, at its first request, because secrets come with requests.
let ring;

const refusal = (status, code) => Response.json({ code }, { status });

// The status for each error: 4xx for errors of the caller, 5xx for errors of this service.
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
      // The message contains no secret either, but the caller does not need it.
      console.error(error.code);
      return refusal(STATUS[error.code] ?? 500, error.code);
    }
  },
};
