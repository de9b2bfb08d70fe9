import { fileURLToPath } from 'node:url';

// node_modules is two folders above.
const root = fileURLToPath(new URL('../..', import.meta.url));

export default { turbopack: { root }, outputFileTracingRoot: root, output: 'standalone' };
