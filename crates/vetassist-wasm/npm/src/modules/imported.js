// Edge runtimes refuse to compile code at run time, so the modules are imported. `?module` tells bundlers to import a compiled module.

import schemaModule from './schema.wasm?module';
import sealingModule from './vetassist.wasm?module';

export const module = () => sealingModule;
export const schema = () => schemaModule;
