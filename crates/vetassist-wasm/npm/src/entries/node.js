// Node and Bun, for `import`: the same implementation as for `require`.
import api from './index.cjs';

export const {
  checkSchema,
  decrypt,
  decryptText,
  encrypt,
  fingerprint,
  generateKey,
  hashIp,
  hashIpKeyed,
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
