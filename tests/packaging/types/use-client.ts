// Has uses of the client that must compile, and misuses that must not.
import { KeyRing } from 'vetassist';
import { clientAddress, createClient, fromNeon, fromPg, fromPglite, fromPostgres } from 'vetassist/client';
import type { Client, ClientError, Db, Options, TokenResponse } from 'vetassist/client';
import { pglite, provider } from 'vetassist/testing';

declare const pool: { query(text: string, values: unknown[]): Promise<{ rows: { id: number }[] }> };
declare const sql: { unsafe(text: string, values: any[]): Promise<readonly { id: number }[]> };
declare const ring: KeyRing;

export async function uses(request: Request): Promise<string> {
  const databases: Db[] = [fromPg(pool), fromPostgres(sql), fromPglite(pool), fromNeon(pool), await pglite()];
  const va = provider({ rotate: true, lifetimeSeconds: 60 });
  const options: Options = { db: databases[0]!, ring, refresh: va.refresh, waitUntil: (work) => void work.then(() => {}) };
  const client: Client = createClient(options);
  const tokens: TokenResponse = va.issue();
  const ip = clientAddress(request.headers, 'cf-connecting-ip');
  const { userId, jwtId, expiresAt } = await client.signIn({ vaIcn: '1', tokens, session: { expiresInSeconds: 60, deviceInfo: { a: [1, null] } }, ip });
  const year: number = expiresAt.getFullYear();
  const session = await client.session(jwtId);
  const email: string | null | undefined = session?.account.email;
  const response: Response = await client.withToken(userId, (token) => fetch('https://api.va.gov', { headers: { Authorization: `Bearer ${token}` } }));
  const { erased, tokens: left } = await client.eraseUser(userId);
  const step = await client.rotateTokens({ maxRows: 10, after: null });
  await client.rotateTokens({ after: step.after });
  await client.with(fromPg(pool)).logEvent('looked_at', { userId, data: { year, erased } });
  const opened: { token: string; position: number } = ring.decryptToken(new Uint8Array(), userId, { withPosition: true });
  try {
    await client.check({ allowRoles: ['monitor'] });
  } catch (cause) {
    const error = cause as ClientError;
    if (error.code === 'ERR_DRIFTED') return error.differences?.map(({ object }) => object).join() ?? '';
    if (error.retryable === true) return error.sqlstate ?? '';
  }
  return `${email} ${response.status} ${left?.refreshToken} ${opened.position}`;
}

export function misuses(client: Client, db: Db) {
  // @ts-expect-error a lifetime is a number of seconds
  void client.signIn({ vaIcn: '1', tokens: { access_token: 'x' }, session: { expiresAt: new Date() } });
  // @ts-expect-error no exchange inside a transaction
  void client.with(db).accessToken('x');
  // @ts-expect-error a session is named by one of its two ids
  void client.endSession('x', 'y');
  // @ts-expect-error a function exchanges the token
  createClient({ db, refresh: 'https://api.va.gov/token' });
  // @ts-expect-error the rule is named
  clientAddress(new Headers(), 'x-forwarded-for');
}
