// What vetassist/slim exports: the same, and how to start the modules.

import { init as initEngine, initSync as initEngineSync } from './engine.js';
import { startSchema } from './schema.js';

export * from './index.js';

export function initSync(module, schema) {
  initEngineSync(module);
  if (schema !== undefined) startSchema(schema);
}

export async function init(module, schema) {
  await initEngine(module);
  const found = await schema;
  if (found !== undefined) {
    startSchema(typeof found.arrayBuffer === 'function' ? await found.arrayBuffer() : found);
  }
}
