// Functions on file descriptors. They pass on the errors of Node.

import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';

// The flags for reading, for writing a new file, and for reading and appending. The module has the same numbers.
const FLAGS = ['r', 'wx', 'a+'];
const OWNER_ONLY = 0o600;

export const open = (path, how) => openSync(path, FLAGS[how], OWNER_ONLY);
export const mode = (file) => fstatSync(file).mode;
export const read = (file, bytes) => readSync(file, bytes);
export const cut = (file, size) => ftruncateSync(file, size);
export const sync = (file) => fsyncSync(file);
export const close = (file) => closeSync(file);
export const remove = (path) => unlinkSync(path);

/**
 * Locks a file as the program does. Node has no such function, so the program flock locks it. The lock belongs to the open file,
 * which both processes share, and ends with this process.
 */
export function lock(file) {
  const { error, status, stderr } = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', file] });
  if (error?.code === 'ENOENT') throw new Error('cannot lock the file: install the program flock, which is in util-linux');
  if (error) throw error;
  if (status === 1) throw new Error('another watcher has the file open');
  if (status !== 0) throw new Error(`cannot lock the file: ${String(stderr).trim()}`);
}

/** Writes as many bytes as possible, and waits while a pipe is full. */
export function write(file, bytes) {
  for (;;) {
    try {
      return writeSync(file, bytes);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
