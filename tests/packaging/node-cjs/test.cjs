'use strict';
// The package in Node, required.
const api = { ...require('vetassist'), ...require('vetassist/metadata') };

import('../run.mjs')
  .then(({ run }) => run(api, 'node, CommonJS'))
  .then(console.log);
