// For Cloudflare Workers, Vercel's edge and similar runtimes. The imports are in a file of their own, so that bundlers leave
// them out if no code needs a module.

export { module, schema } from '#imported';
