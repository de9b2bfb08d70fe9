// For browsers, bundlers, Node, Deno and Bun: the modules are inlined, so that nothing is fetched, no file is
// missing after bundling, and no permission is needed.

export { module, schema } from '#inline';
