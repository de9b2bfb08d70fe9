#!/usr/bin/env node
// npx vetassist: the commands of the package. `audit` is the module audit.wasm, which asks here for files and prints here.

import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';

const USAGE = `Usage: vetassist audit verify <FILE> --key <VERIFIER> …

vetassist audit --help says more.
`;

/** Runs `vetassist audit` with these arguments, and returns its exit code. */
function audit(args) {
  let memory;
  let failed = '';
  const bytesAt = (place, size) => new Uint8Array(memory.buffer, place >>> 0, size >>> 0);
  const textAt = (place, size) => new TextDecoder().decode(bytesAt(place, size));
  /** Returns what a call returns, or -1 where it fails: the module asks for the reason. */
  const tried = (call) => {
    try {
      return call();
    } catch (error) {
      failed = reason(error);
      return -1;
    }
  };
  const host = {
    open: (place, size) => tried(() => openSync(textAt(place, size), 'r')),
    read: (file, place, size) => tried(() => readSync(file, bytesAt(place, size))),
    close: (file) => closeSync(file),
    write: (stream, place, size) => tried(() => written(stream, bytesAt(place, size))),
    reason: (place, size) => new TextEncoder().encodeInto(failed, bytesAt(place, size)).written,
  };
  const module = new WebAssembly.Module(readFileSync(new URL('./audit.wasm', import.meta.url)));
  const { exports } = new WebAssembly.Instance(module, { host });
  ({ memory } = exports);
  const staged = new TextEncoder().encode(args.map((arg) => `${arg}\0`).join(''));
  const place = exports.stage(staged.length);
  bytesAt(place, staged.length).set(staged);
  return exports.run();
}

/** Writes what fits, and waits while nothing does: a pipe may be full. */
function written(stream, bytes) {
  for (;;) {
    try {
      return writeSync(stream, bytes);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

/** Returns what is said of a failed system call, in the words that other programs have for it. */
function reason(error) {
  const [, said] = getSystemErrorMap().get(error.errno) ?? [];
  if (said === undefined) return error.message;
  const words = error.code === 'EISDIR' ? 'is a directory' : said;
  return `${words[0].toUpperCase()}${words.slice(1)} (os error ${-error.errno})`;
}

const [command, ...args] = process.argv.slice(2);
if (command === 'audit') {
  process.exitCode = audit(args);
} else if (command === '--help' || command === 'help') {
  process.stdout.write(USAGE);
} else {
  process.stderr.write(USAGE);
  process.exitCode = 2;
}
