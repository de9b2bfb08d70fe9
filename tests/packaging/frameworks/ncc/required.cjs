const api = require('vetassist');

import('./check.mjs').then(({ check }) => console.log(check(api)));
