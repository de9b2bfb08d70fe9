// The exports of vetassist/slim: those of the package, and the functions that start the modules.

import { init as initEngine, initSync as initEngineSync } from './engine.js';
import { startMetadata } from './metadata.js';
import { startSchema } from './schema.js';

export * from './index.js';
export { checkEventData, checkEventType, hashDevice } from './metadata.js';

export function initSync(module, schema, metadata) {
  initEngineSync(module);
  if (schema !== undefined) startSchema(schema);
  if (metadata !== undefined) startMetadata(metadata);
}

export async function init(module, schema, metadata) {
  await initEngine(module);
  for (const [given, start] of [
    [schema, startSchema],
    [metadata, startMetadata],
  ]) {
    const found = await given;
    if (found !== undefined) start(typeof found.arrayBuffer === 'function' ? await found.arrayBuffer() : found);
  }
}
