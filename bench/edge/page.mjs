// Measures one action at one size in a page. The page's URL names both.
import * as api from 'vetassist';
import { inTurns, prepared } from './ways.mjs';

const given = new URL(location.href).searchParams;
const { names, run } = await prepared(api, crypto, undefined);
const ways = given.get('action') === 'hash' ? ['vetassist', '@noble/hashes'] : names;
const effort = { rounds: Number(given.get('rounds')), sample: Number(given.get('sample')) };
const times = await inTurns(run, given.get('action'), ways, Number(given.get('size')), effort);
await fetch('/said', { method: 'POST', body: JSON.stringify(times) });
