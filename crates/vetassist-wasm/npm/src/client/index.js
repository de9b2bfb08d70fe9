// What vetassist/client exports.

export { clientAddress } from './address.js';
export { createClient } from './client.js';
export { fromNeon, fromPg, fromPglite, fromPostgres } from './drivers.js';
