// The modules that only some of the tools for tests need. Bundlers must not look for them: they may be missing.

import { builtin } from '../builtin.js';

/** Imports a module of Node, or a package. */
export const optional = async (name) => builtin(name) ?? import(/* webpackIgnore: true */ /* @vite-ignore */ name);
