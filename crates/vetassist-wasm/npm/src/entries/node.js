// Node and Bun, for `import`: the same implementation as for `require`.
import api from './index.cjs';

export const {
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
  upgradeIpHash,
  VetassistError,
} = api;
