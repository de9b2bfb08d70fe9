import { DurableObject } from 'cloudflare:workers';
import { Hono } from 'hono';
import * as api from 'vetassist';
import { check } from './check.mjs';

export class Cases extends DurableObject {
  fetch() {
    return Response.json({ cases: check(api) });
  }
}

const app = new Hono();
app.get('/', (context) => context.json({ cases: check(api) }));
app.get('/object', ({ env }) => env.CASES.get(env.CASES.idFromName('one')).fetch('http://object/'));

export default app;
