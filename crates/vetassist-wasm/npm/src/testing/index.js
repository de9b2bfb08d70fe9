// What vetassist/testing exports.

export { pglite } from './pglite.js';
export { provider } from './provider.js';
