// The code that does not depend on how the modules are loaded. It is one file of the package, which all ES modules import.

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
