// For those who load the modules themselves, for `import` in Node and Bun.
import api from './slim.cjs';

export const {
  checkSchema,
  decrypt,
  decryptText,
  encrypt,
  fingerprint,
  generateKey,
  hashIp,
  hashIpKeyed,
  init,
  initSync,
  Key,
  KeyRing,
  MasterKey,
  parseAuthAudit,
  parseSession,
  parseUser,
  parseVaToken,
  schemaQuery,
  upgradeIpHash,
  VetassistError,
} = api;
