// A Worker over TCP: each request creates its client, with a ring at module scope.
import pg from 'pg';
import { KeyRing } from 'vetassist';
import { createClient, fromPg } from 'vetassist/client';

let ring;

export default {
  async fetch(request, env, context) {
    ring ??= new KeyRing([env.VETASSIST_MASTER_KEY]);
    const connection = new pg.Client({ host: env.HOST, port: Number(env.PORT), user: 'service', database: env.DATABASE });
    await connection.connect();
    const work = [];
    const vetassist = createClient({
      db: fromPg(connection),
      ring,
      waitUntil: (carried) => work.push(carried),
      refresh: async (refreshToken, { signal }) => {
        const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken });
        const response = await fetch(`${env.PROVIDER}/token`, { method: 'POST', body, signal });
        const answer = await response.json();
        if (!response.ok) throw Object.assign(new Error('refused'), { error: answer.error });
        return answer;
      },
    });
    try {
      const { operation, given } = await request.json();
      return Response.json({ result: await vetassist[operation](...given) });
    } catch (error) {
      return Response.json({ code: error.code, message: error.message, stack: error.stack }, { status: 500 });
    } finally {
      context.waitUntil(Promise.allSettled(work).then(() => connection.end()));
    }
  },
};
