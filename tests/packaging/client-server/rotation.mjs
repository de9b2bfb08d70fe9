// Compares a rotation by the client with a rotation by the server, with the same tokens and the same server.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { generateKey, KeyRing } from 'vetassist';
import { createClient } from 'vetassist/client';

const BATCH = 1000;

/**
 * Stores tokens of this number of users, rotates them by the server's procedure and then by the client. Returns the seconds of
 * each rotation, and by how many bytes the largest heap in the second half of the client's rotation exceeds that of the first.
 */
export async function rotations({ rows, options, serverRing, users }) {
  const old = new KeyRing([serverRing[1]]);
  const asHex = (bytes) => `\\x${Buffer.from(bytes).toString('hex')}`;
  await rows('DELETE FROM vetassist_va_tokens', []);
  for (let made = 0; made < users; made += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, users - made) }, () => {
      const id = randomUUID();
      return { id, icn: `R ${id}`, access: asHex(old.encryptToken(`access ${'x'.repeat(800)}`, id)), refresh: asHex(old.encryptToken(`refresh ${'y'.repeat(40)}`, id)) };
    });
    await rows(
      `WITH given AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS g (id uuid, icn text, access bytea, refresh bytea)),
            people AS (INSERT INTO vetassist_users (id, va_icn) SELECT id, icn FROM given)
       INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, expires_at)
       SELECT id, access, refresh, now() + interval '1 hour' FROM given`,
      [JSON.stringify(batch)],
    );
  }
  const timed = async (work) => {
    const began = process.hrtime.bigint();
    const result = await work();
    return [Number(process.hrtime.bigint() - began) / 1e9, result];
  };
  await rows('VACUUM ANALYZE vetassist_va_tokens', []);
  const [server] = await timed(() => rows('CALL vetassist_rotate_tokens()', []));
  await rows('VACUUM ANALYZE vetassist_va_tokens', []);
  const client = createClient({ ...options, ring: new KeyRing([generateKey(), serverRing[0], serverRing[1]]) });
  const halves = [0, 0];
  const note = ({ seen }) => {
    const half = seen <= users / 2 ? 0 : 1;
    halves[half] = Math.max(halves[half], process.memoryUsage().heapUsed);
  };
  const [own, step] = await timed(() => client.rotateTokens({ onProgress: note }));
  assert.deepEqual([step.after, step.resealed, step.seen, step.unopened], [null, users, users, []]);
  return { server, own, grown: halves[1] - halves[0] };
}
