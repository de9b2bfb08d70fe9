// For those who load the module themselves, for `import` in Node and Bun.
import api from './slim.cjs';

export const {
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
  upgradeIpHash,
  VetassistError,
} = api;
