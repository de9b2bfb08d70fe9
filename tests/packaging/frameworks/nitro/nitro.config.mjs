export default {
  srcDir: 'server',
  compatibilityDate: '2026-04-01',
  // The edge presets import WebAssembly modules as files.
  experimental: { wasm: true },
};
