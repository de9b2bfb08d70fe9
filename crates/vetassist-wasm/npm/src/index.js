// The exports of the package.

export { addressOf } from './address.js';
export { VetassistError } from './errors.js';
export { hashIp, hashIpKeyed, upgradeIpHash } from './ip_hash.js';
export { Key } from './key.js';
export { fingerprint, MasterKey } from './master_key.js';
export { decrypt, decryptText, encrypt, generateKey } from './primitives.js';
export { KeyRing } from './ring.js';
export { parseAuthAudit, parseSession, parseUser, parseVaToken } from './rows.js';
export { checkSchema, schemaQuery } from './schema.js';
