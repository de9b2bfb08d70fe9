// Only for vetassist/metadata: Wrangler uploads each module that is imported, even if the code does not use it.

import metadataModule from './metadata.wasm?module';

export const metadata = () => metadataModule;
