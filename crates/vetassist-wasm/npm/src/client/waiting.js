// Waiting that a signal can end. It leaves no timer behind.

import { failure } from './failure.js';

const aborted = () => failure('ERR_ABORTED', 'the signal ended the wait', { retryable: true });

/** Throws if the signal is aborted already. */
export function refuseAborted(signal) {
  if (signal?.aborted) throw aborted();
}

/** Returns the result of the work, or throws as soon as the signal ends the waiting. The work continues. */
export async function until(work, signal) {
  if (signal === undefined) return work;
  refuseAborted(signal);
  let stop;
  const ended = new Promise((_, reject) => {
    stop = () => reject(aborted());
    signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([work, ended]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Waits so many milliseconds. */
export async function pause(ms, signal) {
  let timer;
  try {
    await until(new Promise((resolve) => { timer = setTimeout(resolve, ms); }), signal);
  } finally {
    clearTimeout(timer);
  }
}
