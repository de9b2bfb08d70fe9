// Does what it is asked: time stands still in a Worker while it computes, so the asker measures.
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
