// Serves the files of the tests, on this machine only.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** Serves a folder. `said()` waits for the report of the next page. */
export async function serve(folder) {
  let hear;
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    if (request.method === 'POST') {
      let body = '';
      for await (const part of request) body += part;
      response.end();
      hear(JSON.parse(body));
      return;
    }
    try {
      const content = await readFile(join(folder, normalize(pathname)));
      const wasm = searchParams.get('expect') === null ? " 'wasm-unsafe-eval'" : '';
      response.writeHead(200, {
        'Content-Type': TYPES[extname(pathname)] ?? 'application/octet-stream',
        'Content-Security-Policy': `default-src 'none'; script-src 'self'${wasm}; connect-src 'self'`,
        'Cache-Control': 'no-store',
      });
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://localhost:${server.address().port}`,
    said: () => new Promise((resolve) => (hear = resolve)),
    close: () => server.close(),
  };
}
