// The code that all CommonJS entries share, and the function that gives it the modules.

export { give } from '#modules';
export * from './slim.js';
