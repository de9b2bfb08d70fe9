// The packed package in Node, required.
const { readFileSync } = require('node:fs');
const api = require('vetassist');

import('./conformance.mjs')
  .then(({ conformance }) => conformance(api, JSON.parse(readFileSync(process.argv[2], 'utf8'))))
  .then((cases) => console.log(`node, CommonJS: ${cases} cases agree`))
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
