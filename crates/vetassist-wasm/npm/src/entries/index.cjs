'use strict';
// Node and Bun, for `require` and `import` alike, and whatever else asks for CommonJS: one
// implementation, so that there is one class `Key`. Inlined, so that bundles find the module too.
const { init, initSync, provide, ...api } = require('./core.cjs');
const { bytes } = require('./inline.cjs');

provide(bytes);

module.exports = api;
