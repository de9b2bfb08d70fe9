'use strict';
// Node and Bun, for `require` and `import` alike, and whatever else asks for CommonJS: one
// implementation, so that there is one class `Key`. The modules are files beside this one; bundlers,
// which would lose them, take `index.js` by their condition `module`.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { init, initSync, provide, ...api } = require('./core.cjs');

provide(
  () => readFileSync(join(__dirname, 'vetassist.wasm')),
  () => readFileSync(join(__dirname, 'schema.wasm')),
);

module.exports = api;
