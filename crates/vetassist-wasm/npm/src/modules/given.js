// CommonJS: `index.cjs` gives the modules to the one core that it shares with `slim.cjs`.

let given;

export function give(modules) {
  given = modules;
}

export const module = () => given?.module();
export const schema = () => given?.schema();
export const metadata = () => given?.metadata();
