// A server that stands before PostgreSQL's socket and encrypts, or says that it does not.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';

const SSL_REQUEST = Buffer.from('0000000804d2162f', 'hex');

/** Writes a certificate for the name localhost, which is its own authority, and returns both files. */
export function certificate(folder, name) {
  const [key, cert] = ['key', 'pem'].map((extension) => join(folder, `${name}.${extension}`));
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost'];
  execFileSync('openssl', ['req', '-x509', ...options, '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { key, cert };
}

/** Listens, with a certificate or without, and promises the port and how many connections were encrypted. */
export async function proxy(socket, files) {
  const seen = { encrypted: 0 };
  const forward = (client, first) => {
    const server = connect(socket);
    if (first) server.write(first);
    for (const [one, other] of [[client, server], [server, client]]) one.on('error', () => other.destroy()).pipe(other);
  };
  const listener = createServer((client) => {
    client.on('error', () => {});
    client.once('data', (first) => {
      client.pause();
      if (!first.equals(SSL_REQUEST)) {
        forward(client, first);
      } else if (files === undefined) {
        client.write('N');
        forward(client);
      } else {
        client.write('S');
        const encrypted = new TLSSocket(client, { isServer: true, key: readFileSync(files.key), cert: readFileSync(files.cert) });
        encrypted.on('error', () => {});
        encrypted.once('secure', () => {
          seen.encrypted += 1;
          forward(encrypted);
        });
      }
    });
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return Object.assign(seen, { port: listener.address().port, close: () => listener.close() });
}
