// Runs the requested work. The caller measures the time, because a Worker's clock does not advance while it computes.
import * as api from 'vetassist';
import { prepared } from './ways.mjs';

let ready;

export default {
  async fetch(request) {
    ready ??= await prepared(api, crypto, undefined);
    const { searchParams } = new URL(request.url);
    const given = (name) => searchParams.get(name);
    await ready.run(given('action'), given('way'), Number(given('size')), Number(given('count')));
    return Response.json(ready.names);
  },
};
