// For those who load the module themselves.
export {
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
} from './core.js';
