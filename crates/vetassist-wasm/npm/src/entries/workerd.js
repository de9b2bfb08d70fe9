// Cloudflare Workers: code may not be compiled at run time there, so the module is imported as such.
import { provide } from './core.js';
import module from './vetassist.wasm';

provide(() => module);

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
