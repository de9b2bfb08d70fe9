// Deno, browsers, and bundlers for them: the module is inlined, so that there is nothing to fetch, no
// file to find after bundling, and no permission to ask for.
import { provide } from './core.js';
import { bytes } from './inline.js';

provide(bytes);

export {
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
} from './core.js';
