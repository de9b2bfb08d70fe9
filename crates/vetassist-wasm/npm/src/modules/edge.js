// Cloudflare Workers, Vercel's edge and their like. The imports are in a file of their own, so that bundlers leave them
// out where nothing needs a module.

export { module, schema } from '#imported';
