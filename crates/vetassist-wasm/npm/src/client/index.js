// The exports of vetassist/client.

export { clientAddress } from './address.js';
export { createClient } from './client.js';
export { fromNeon, fromPg, fromPglite, fromPostgres } from './drivers.js';
