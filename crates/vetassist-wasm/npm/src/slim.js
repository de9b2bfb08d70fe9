// The exports of vetassist/slim: those of the package, and the functions that start the modules.

import { init as initEngine, initSync as initEngineSync } from './engine.js';
import { unavailable } from './errors.js';
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
    if (given === undefined) continue;
    let found;
    try {
      found = await given;
      if (typeof found?.arrayBuffer === 'function') found = await found.arrayBuffer();
    } catch (cause) {
      throw unavailable(cause);
    }
    if (found !== undefined) start(found);
  }
}
