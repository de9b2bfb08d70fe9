// What is the same whichever way the modules come: one file of the package, for all that are bundled as ES modules.

export * from './arguments.js';
export * from './base64url.js';
export * from './builtin.js';
export * from './compiled.js';
export * from './define.js';
export * from './errors.js';
export * from './node_crypto.js';
export * from './rows.js';
export * from './utf8.js';
export * from './webcrypto.js';
