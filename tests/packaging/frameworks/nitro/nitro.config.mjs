export default {
  srcDir: 'server',
  compatibilityDate: '2026-04-01',
  // For the edges, which import modules of WebAssembly as files.
  experimental: { wasm: true },
};
