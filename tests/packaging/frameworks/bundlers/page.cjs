// The names that the code of webpack and Rspack for pages and Workers expects.
globalThis.self = globalThis;
globalThis.location = new URL('http://localhost/');
globalThis.document = { baseURI: 'http://localhost/' };
