// The package in the runtime that Vercel gives to code at its edge, in a realm of its own where no code may be generated.
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
      // As Next.js does it: the module is compiled outside, and is a global inside.
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
assert.equal(edge.evaluate('vetassistModule instanceof WebAssembly.Module'), false, 'the module is of another realm');
console.log(`Vercel's edge: ${edge.context.said} cases agree`);
