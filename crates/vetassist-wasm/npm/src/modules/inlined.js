// Browsers, bundlers, Node, Deno and Bun: the modules are inlined, so that there is nothing to fetch, no file
// to find after bundling, and no permission to ask for.

export { module, schema } from '#inline';
