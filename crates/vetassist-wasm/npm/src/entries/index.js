// Deno, browsers, and bundlers of every kind: the modules are inlined, so that there is nothing to fetch, no
// file to find after bundling, and no permission to ask for.
import { provide } from './core.js';
import { module, schema } from './inline.js';

provide(module, schema);

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
