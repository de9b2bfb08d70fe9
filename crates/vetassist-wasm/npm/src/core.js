// Everything, for the entries: they add the way to the module.

export { init, initSync, provide } from './engine.js';
export { VetassistError } from './errors.js';
export { decrypt, decryptText, encrypt, generateKey } from './functions.js';
export { Key } from './key.js';
export { fingerprint, hashIp, hashIpKeyed, KeyRing, MasterKey, upgradeIpHash } from './master.js';
