// Runs the requested work. The clock of a Worker stands still while it computes, so the caller measures.
import * as api from 'vetassist';
import { keys, rounds } from './rounds.mjs';

let pair;

export default {
  async fetch(request) {
    pair ??= await keys(api);
    const { searchParams } = new URL(request.url);
    await rounds(api, ...pair, searchParams.get('how'), Number(searchParams.get('size')), Number(searchParams.get('count')));
    return new Response('done');
  },
};
