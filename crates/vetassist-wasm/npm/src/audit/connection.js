// The thread with the connection to the database. The other thread sends messages and waits for the shared count of answers.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

import { reason } from './reason.js';
import { parse } from './settings.js';

/** The number of bytes of rows that are passed at once. The last row may exceed it. */
const PART = 1 << 20;
const NO_PACKAGE = 'this command needs the package pg: npm install pg, or npx -p pg -p vetassist vetassist audit …';

const { port, answers } = workerData;
let pg;
let client;

function answer(message, transfer) {
  port.postMessage(message, transfer);
  Atomics.add(answers, 0, 1);
  Atomics.notify(answers, 0);
}

/** Returns the server's message, with its hint, or the reason of a failed connection. */
function said(error) {
  if (error.severity !== undefined) return `${error.message} (${error.code})${error.hint ? `. ${error.hint}` : ''}`;
  // There is one error for each address of a host name.
  return reason(error.errors?.[0] ?? error);
}

/** Returns the settings of encryption, in the order in which they are tried. */
function encryptions({ host, sslmode, ca }) {
  // The host is the name to verify. Older versions of node-postgres do not pass it if it is an address.
  if (ca !== undefined) return [{ ca, host, rejectUnauthorized: true }];
  if (sslmode === 'disable' || (sslmode === 'prefer' && host?.startsWith('/'))) return [false];
  const encrypted = { rejectUnauthorized: false };
  return sslmode === 'require' ? [encrypted] : [encrypted, false];
}

function certificate(path) {
  let pem;
  try {
    pem = readFileSync(path);
  } catch (error) {
    throw new Error(`cannot read ${path}: ${reason(error)}`);
  }
  try {
    return new X509Certificate(pem).toString();
  } catch (error) {
    throw new Error(`${path} is not a certificate: ${error.message}`);
  }
}

/** Connects to the first server that answers. */
async function connect({ database, authority }) {
  const { hosts, sslmode, isWritable, ...settings } = parse(database);
  const ca = authority === null ? undefined : certificate(authority);
  try {
    ({ default: pg } = await import('pg'));
  } catch (error) {
    throw error.code === 'ERR_MODULE_NOT_FOUND' ? new Error(NO_PACKAGE) : error;
  }
  let failed;
  for (const { host, port } of hosts) {
    for (const ssl of encryptions({ host, sslmode, ca })) {
      const tried = new pg.Client({ ...settings, host, port, ssl, application_name: 'vetassist-audit' });
      // An error is reported by the statement during which it happens.
      tried.on('error', () => {});
      try {
        await tried.connect();
        if (isWritable && (await tried.query('SHOW transaction_read_only')).rows[0].transaction_read_only === 'on') {
          await tried.end();
          throw new Error('the server takes no writes');
        }
        client = tried;
        return;
      } catch (error) {
        // An open socket keeps the process alive until the server closes it.
        tried.connection.stream.destroy();
        failed = error.severity === undefined ? new Error(`error connecting to server: ${said(error)}`) : error;
        // Only a server without encryption is tried again.
        if (error.message !== 'The server does not support SSL connections') break;
      }
    }
  }
  throw failed;
}

/** Runs a statement, and stops reading while the other thread has not taken what was read. */
function query({ text, values }) {
  let rows = [];
  let size = 0;
  const pass = (isLast) => {
    const json = new TextEncoder().encode(isLast && rows.length === 0 ? '' : `[${rows}]`);
    [rows, size] = [[], 0];
    answer({ rows: json, isLast }, [json.buffer]);
  };
  const plain = (value) => (value === null ? null : Buffer.isBuffer(value) ? value.toString('base64') : String(value));
  const running = new pg.Query({ text, values, rowMode: 'array' });
  running.on('row', (row) => {
    const json = JSON.stringify(row.map(plain));
    rows.push(json);
    size += json.length;
    if (size < PART) return;
    client.connection.stream.pause();
    pass(false);
  });
  running.on('end', () => pass(true));
  running.on('error', (error) => answer({ failed: said(error) }));
  client.query(running);
}

port.on('message', async (asked) => {
  try {
    if (asked.connect) {
      await connect(asked.connect);
      answer({});
    } else if (asked.query) {
      query(asked.query);
    } else if (asked.more) {
      client.connection.stream.resume();
    } else {
      port.close();
      await client?.end();
    }
  } catch (error) {
    answer({ failed: said(error) });
  }
});
// Without this answer the other thread would wait for ever.
process.on('uncaughtException', (error) => answer({ failed: said(error) }));
