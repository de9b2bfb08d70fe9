// The exports of vetassist/testing.

export { pglite } from './pglite.js';
export { provider } from './provider.js';
