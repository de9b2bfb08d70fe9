// Code may not be compiled at run time at the edges, so the modules are imported as such. `?module` says so to the tools that would make something else of `.wasm`.

import schemaModule from './schema.wasm?module';
import sealingModule from './vetassist.wasm?module';

export const module = () => sealingModule;
export const schema = () => schemaModule;
