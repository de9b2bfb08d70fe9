// For CommonJS: `index.cjs` and `metadata.cjs` pass the modules to the code that they share with `slim.cjs`.

let given = {};

export function give(modules) {
  given = { ...given, ...modules };
}

export const module = () => given.module?.();
export const schema = () => given.schema?.();
export const metadata = () => given.metadata?.();
