// Cloudflare Workers: code may not be compiled at run time there, so the modules are imported as such.
import { provide } from './core.js';
import schema from './schema.wasm';
import module from './vetassist.wasm';

provide(
  () => module,
  () => schema,
);

export {
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
} from './core.js';
