const api = require('vetassist');
const metadata = require('vetassist/metadata');

import('./check.mjs').then(({ check }) => console.log(check(api, metadata)));
