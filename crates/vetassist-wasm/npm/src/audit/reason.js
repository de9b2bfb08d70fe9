import { getSystemErrorMap } from 'node:util';

/** Returns what is said of a failed system call, in the words that other programs have for it. */
export function reason(error) {
  const [, said] = getSystemErrorMap().get(error.errno) ?? [];
  if (said === undefined) return error.message;
  const words = error.code === 'EISDIR' ? 'is a directory' : said;
  return `${words[0].toUpperCase()}${words.slice(1)} (os error ${-error.errno})`;
}
