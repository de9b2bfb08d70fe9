'use strict';
// Tests the package in Node with `require`.
const api = { ...require('vetassist'), ...require('vetassist/metadata') };

import('../run.mjs')
  .then(({ run }) => run(api, 'node, CommonJS'))
  .then(console.log);
