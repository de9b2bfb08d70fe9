// A synchronous connection: node-postgres runs in a thread of its own.

import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';

/** Connects with these settings, and returns the connection. */
export function connected({ database, authority }) {
  const { port1: port, port2: theirs } = new MessageChannel();
  const answers = new Int32Array(new SharedArrayBuffer(4));
  new Worker(new URL('./audit-connection.js', import.meta.url), { workerData: { port: theirs, answers }, transferList: [theirs] });

  /** Waits for the next answer. */
  const answer = () => {
    for (;;) {
      // The count is read before the message, so that an answer that comes in between ends the wait.
      const count = Atomics.load(answers, 0);
      const received = receiveMessageOnPort(port);
      if (received === undefined) {
        Atomics.wait(answers, 0, count);
        continue;
      }
      const { failed, ...rest } = received.message;
      if (failed !== undefined) throw new Error(failed);
      return rest;
    }
  };
  const end = () => {
    port.postMessage({ end: true });
    port.close();
  };

  port.postMessage({ connect: { database, authority } });
  try {
    answer();
  } catch (error) {
    end();
    throw error;
  }
  let isOver = true;
  return {
    /** Begins a statement. */
    query(statement) {
      port.postMessage({ query: statement });
      isOver = false;
    },
    /** Returns the next rows as JSON, or nothing after the last row. */
    next() {
      if (isOver) return new Uint8Array();
      const { rows, isLast } = answer();
      isOver = isLast;
      if (!isLast) port.postMessage({ more: true });
      return rows;
    },
    end,
  };
}
