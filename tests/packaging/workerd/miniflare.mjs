// Bundles a Worker as Cloudflare's command-line tool does, and starts it.
import { basename } from 'node:path';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { Miniflare } from 'miniflare';

/** Miniflare running the script at this URL. */
export async function worker(script, options) {
  // Node's own modules, by their short names as older packages have them.
  const alias = Object.fromEntries(builtinModules.filter((name) => !name.includes(':')).map((name) => [name, `node:${name}`]));
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(script)],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'browser'],
    alias,
    external: ['node:*', 'cloudflare:*', 'pg-native'],
    loader: { '.wasm': 'copy' },
    outdir: '/',
    entryNames: 'worker',
    assetNames: '[name]',
    write: false,
  });
  const modules = outputFiles.map(({ path, contents, text }) =>
    path.endsWith('.wasm')
      ? // As the script asks for it.
        { type: 'CompiledWasm', path: `${basename(path)}?module`, contents }
      : { type: 'ESModule', path: basename(path), contents: text },
  );
  // The script that answers requests comes first.
  modules.sort((a, b) => a.type.localeCompare(b.type)).reverse();
  return new Miniflare({ modules, compatibilityDate: '2026-04-01', ...options });
}
