// A file of its own, so that a Worker that judges no metadata does not carry the module.

import metadataModule from './metadata.wasm?module';

export const metadata = () => metadataModule;
