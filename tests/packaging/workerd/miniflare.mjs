// Bundles a Worker like Cloudflare's command-line tool, and starts it.
import { basename } from 'node:path';
import { isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { Miniflare } from 'miniflare';

/** Resolves Node's modules, which older packages require by their short names. */
const BUILT_IN = {
  name: 'built-in',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^(node:)?[a-z_/]+$/ }, ({ path, kind }) => {
      if (!isBuiltin(path)) return undefined;
      const named = `node:${path.replace(/^node:/, '')}`;
      return kind === 'require-call' ? { path: named, namespace: 'built-in' } : { path: named, external: true };
    });
    onLoad({ filter: /^node:/, namespace: 'built-in' }, ({ path }) => ({ contents: `import all from '${path}';\nmodule.exports = all;` }));
  },
};

/** Returns a Miniflare that runs the script at this URL. */
export async function worker(script, options) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(script)],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'browser'],
    plugins: [BUILT_IN],
    external: ['node:*', 'cloudflare:*', 'pg-native'],
    loader: { '.wasm': 'copy' },
    outdir: '/',
    entryNames: 'worker',
    assetNames: '[name]',
    write: false,
  });
  const modules = outputFiles.map(({ path, contents, text }) =>
    path.endsWith('.wasm')
      ? // The script imports it by this path.
        { type: 'CompiledWasm', path: `${basename(path)}?module`, contents }
      : { type: 'ESModule', path: basename(path), contents: text },
  );
  // The script that handles requests must come first.
  modules.sort((a, b) => a.type.localeCompare(b.type)).reverse();
  return new Miniflare({ modules, compatibilityDate: '2026-04-01', ...options });
}
