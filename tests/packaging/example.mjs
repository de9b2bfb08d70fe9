// Copies examples to a folder where Node finds the packages that they import.
import { copyFileSync, mkdirSync } from 'node:fs';

/** Copies a file of the examples next to a test, and returns the copy's URL. */
export function example(name, test) {
  const copy = new URL(`.build/${name.split('/').at(-1)}`, test);
  mkdirSync(new URL('.', copy), { recursive: true });
  copyFileSync(new URL(`../../examples/${name}`, import.meta.url), copy);
  return copy;
}
