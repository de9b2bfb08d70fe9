// What goes wrong at a token endpoint, each so many times: the next answers in the order in which they were ordered.

/** Makes a list of faults. */
export function faults() {
  const ordered = [];
  return {
    order(kind, times, more = {}) {
      for (let each = 0; each < times; each++) ordered.push({ kind, ...more });
    },
    next: () => ordered.shift() ?? { kind: 'none' },
  };
}

/** Waits, and no longer than the signal lets. */
export function waited(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
