// Cloudflare Workers, Vercel's edge and their like: code may not be compiled at run time there, so the
// modules are imported as such. `?module` says so to the tools that would make something else of `.wasm`.

import schemaModule from './schema.wasm?module';
import sealingModule from './vetassist.wasm?module';

export const module = () => sealingModule;
export const schema = () => schemaModule;
