// A Cloudflare Worker that uses the package at module scope, where there is no randomness, and in a request.
import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import reference from '../../vectors/reference.json' with { type: 'json' };
import { run } from '../run.mjs';

const early = {
  hash: api.hashIp('203.0.113.7'),
  key: new api.Key(new Uint8Array(32)),
  ring: new api.KeyRing(['a'.repeat(64)]),
};
// Opening needs no randomness; sealing does.
const empty = '000000000000000000000000530f8afbc74536b9a963b4f1c4cb738b';
const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
early.opened = early.key.open(bytes(empty));
// A value of this size is opened with WebCrypto, which must work here.
const { key, sealed, aad, plaintext } = reference.seal.findLast(({ sealed }) => sealed.length > 16_000);
early.large = await new api.Key(bytes(key)).openAsync(bytes(sealed), bytes(aad));
for (const draw of [() => early.key.seal('x'), () => early.ring.encryptToken('x', crypto.randomUUID), api.generateKey]) {
  try {
    draw();
    early.drew = draw.toString();
  } catch (error) {
    early.codes = [...(early.codes ?? []), error.code];
  }
}

export default {
  async fetch() {
    try {
      if (early.hash !== api.hashIp('203.0.113.7')) throw new Error('the early hash differs');
      if (early.opened.length !== 0) throw new Error('the early plaintext differs');
      if (String(early.large) !== String(bytes(plaintext))) throw new Error('the early large plaintext differs');
      if (early.key.openText(early.key.seal('late')) !== 'late') throw new Error('the early key differs');
      return Response.json({
        codes: early.codes,
        drew: early.drew,
        said: await run({ ...api, ...metadata }, navigator.userAgent),
      });
    } catch (error) {
      return new Response(error.stack, { status: 500 });
    }
  },
};
