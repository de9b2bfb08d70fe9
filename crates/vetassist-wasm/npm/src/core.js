// Everything, for the entries: they add the way to the modules.

import { init as initEngine, initSync as initEngineSync, provide as provideEngine } from './engine.js';
import { provideSchema, startSchema } from './schema.js';

export { VetassistError } from './errors.js';
export { decrypt, decryptText, encrypt, generateKey } from './functions.js';
export { Key } from './key.js';
export { fingerprint, hashIp, hashIpKeyed, KeyRing, MasterKey, upgradeIpHash } from './master.js';
export { parseAuthAudit, parseSession, parseUser, parseVaToken } from './rows.js';
export { checkSchema, schemaQuery } from './schema.js';

/** Says where both modules are to be had: their bytes or the compiled modules, when first needed. */
export function provide(getModule, getSchema) {
  provideEngine(getModule);
  provideSchema(getSchema);
}

export function initSync(module, schema) {
  initEngineSync(module);
  if (schema !== undefined) startSchema(schema);
}

export async function init(module, schema) {
  await initEngine(module);
  const found = await schema;
  if (found !== undefined) startSchema(found.arrayBuffer === undefined ? found : await found.arrayBuffer());
}
