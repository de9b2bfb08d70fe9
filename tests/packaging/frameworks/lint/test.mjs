// Checks the package with publint and Are The Types Wrong.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';

const pkgDir = fileURLToPath(new URL('../node_modules/vetassist', import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../../../target', import.meta.url));
const { messages } = await publint({ pkgDir, level: 'suggestion', pack: false, strict: true });
assert.deepEqual(messages, []);

const { types, problems, entrypoints } = await checkPackage(createPackageFromTarballData(readFileSync(`${target}/npm/vetassist.tgz`)), {
  // These are not JavaScript.
  excludeEntrypoints: [/\.(wasm|sql|json)$/],
});
assert(types !== false);
assert.deepEqual(Object.keys(entrypoints).sort(), ['.', './client', './metadata', './slim', './testing']);
assert.deepEqual(problems, []);
console.log('publint and attw: 2 cases agree');
