// The faults of a token endpoint. Each applies to the next responses, in the order in which they were requested.

/** Returns an empty list of faults. */
export function faults() {
  const ordered = [];
  return {
    order(kind, times, more = {}) {
      for (let each = 0; each < times; each++) ordered.push({ kind, ...more });
    },
    next: () => ordered.shift() ?? { kind: 'none' },
  };
}

/** Waits so many milliseconds, or rejects when the signal aborts. */
export function waited(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
