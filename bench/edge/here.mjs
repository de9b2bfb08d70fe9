// Measures in the runtime that runs this script. Arguments: the runtime's name, rounds, milliseconds of a sample.
import * as nodeCrypto from 'node:crypto';
import process from 'node:process';
import * as api from 'vetassist';
import { all, prepared } from './ways.mjs';

const [runtime, rounds, sample] = process.argv.slice(2);

if (runtime === 'node') {
  // Nonces come from a pool, so there are far fewer draws than seals.
  const { getRandomValues } = globalThis.crypto;
  let draws = 0;
  globalThis.crypto.getRandomValues = function (...given) {
    draws += 1;
    return getRandomValues.apply(this, given);
  };
  const key = new api.Key(new Uint8Array(32));
  for (let i = 0; i < 1000; i++) key.seal('x');
  if (draws === 0 || draws > 20) throw new Error(`${draws} draws of randomness for 1000 seals`);
  delete globalThis.crypto.getRandomValues;
}

const { names, run } = await prepared(api, globalThis.crypto, nodeCrypto);
const effort = { rounds: Number(rounds), sample: Number(sample) };
await all(runtime, names, run, effort, (comparison) => console.log(JSON.stringify(comparison)));
