// Tests the package in the runtime of Vercel's edge, which is another realm and forbids generating code.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EdgeVM } from '@edge-runtime/vm';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const { outputFiles } = await build({
  stdin: { contents: "import * as api from 'vetassist'; import * as metadata from 'vetassist/metadata'; import { check } from '../check.mjs'; globalThis.said = check(api, metadata);", resolveDir: here },
  bundle: true,
  format: 'iife',
  conditions: ['edge-light'],
  write: false,
  plugins: [
    {
      // Next.js compiles the module outside and passes it as a global.
      name: 'modules',
      setup({ onResolve, onLoad }) {
        onResolve({ filter: /\.wasm\?module$/ }, ({ path }) => ({ path, namespace: 'module' }));
        onLoad({ filter: /.*/, namespace: 'module' }, ({ path }) => ({ contents: `export default ${/(\w+)\.wasm/.exec(path)[1]}Module;` }));
      },
    },
  ],
});
const wasm = (name) => new WebAssembly.Module(readFileSync(new URL(`../node_modules/vetassist/dist/${name}.wasm`, import.meta.url)));
const edge = new EdgeVM({
  codeGeneration: { strings: false, wasm: false },
  extend: (context) => Object.assign(context, { vetassistModule: wasm('vetassist'), schemaModule: wasm('schema'), metadataModule: wasm('metadata') }),
});
edge.evaluate(outputFiles[0].text);
assert(edge.context.said > 20);
assert.equal(edge.evaluate('vetassistModule instanceof WebAssembly.Module'), false, 'the module is from another realm');
console.log(`Vercel's edge: ${edge.context.said} cases agree`);
