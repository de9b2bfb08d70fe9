// `vetassist audit` runs the module audit.wasm, which the package has compressed. This file gives it files, the database and the output.

import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

import { connected } from './database.js';
import * as files from './files.js';
import { reason } from './reason.js';

/** Runs the command with these arguments, and returns its exit code. */
export function audit(args) {
  let memory;
  let failed = '';
  let database;
  let rows;
  const bytesAt = (place, size) => new Uint8Array(memory.buffer, place >>> 0, size >>> 0);
  const textAt = (place, size) => new TextDecoder().decode(bytesAt(place, size));
  /** Returns the result of a call, or -1 if it fails. The module then asks for the reason. */
  const tried = (call) => {
    try {
      return call() ?? 0;
    } catch (error) {
      failed = reason(error);
      return -1;
    }
  };
  const host = {
    open: (place, size, how) => tried(() => files.open(textAt(place, size), how)),
    lock: (file) => tried(() => files.lock(file)),
    mode: (file) => tried(() => files.mode(file)),
    read: (file, place, size) => tried(() => files.read(file, bytesAt(place, size))),
    write: (file, place, size) => tried(() => files.write(file, bytesAt(place, size))),
    cut: (file, size) => tried(() => files.cut(file, size)),
    sync: (file) => tried(() => files.sync(file)),
    close: (file) => tried(() => files.close(file)),
    remove: (place, size) => tried(() => files.remove(textAt(place, size))),
    random: (place, size) => tried(() => void randomFillSync(bytesAt(place, size))),
    now: () => Date.now(),
    connect: (place, size) => tried(() => void (database = connected(JSON.parse(textAt(place, size))))),
    query: (place, size) => tried(() => database.query(JSON.parse(textAt(place, size)))),
    next_rows: () => tried(() => (rows = database.next()).length),
    take_rows: (place) => bytesAt(place, rows.length).set(rows),
    reason: (place, size) => new TextEncoder().encodeInto(failed, bytesAt(place, size)).written,
  };
  const module = new WebAssembly.Module(brotliDecompressSync(readFileSync(new URL('./audit.wasm.br', import.meta.url))));
  const { exports } = new WebAssembly.Instance(module, { host });
  ({ memory } = exports);
  const staged = new TextEncoder().encode([process.env.DATABASE_URL ?? '', ...args].map((arg) => `${arg}\0`).join(''));
  const place = exports.stage(staged.length);
  bytesAt(place, staged.length).set(staged);
  try {
    return exports.run();
  } finally {
    database?.end();
  }
}
