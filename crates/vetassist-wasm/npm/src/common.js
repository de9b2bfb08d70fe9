// What CommonJS shares: everything, and the way in for the modules.

export { give } from '#modules';
export * from './slim.js';
