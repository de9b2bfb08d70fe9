// For vetassist/metadata alone: Wrangler uploads each module that it comes across, whether or not the code uses it.

import metadataModule from './metadata.wasm?module';

export const metadata = () => metadataModule;
