import { getSystemErrorMap } from 'node:util';

/** Where libuv has words of its own. */
const WORDS = { EEXIST: 'file exists', EISDIR: 'is a directory' };

/** Returns what is said of a failed system call, in the words that other programs have for it. */
export function reason(error) {
  const [, said] = getSystemErrorMap().get(error.errno) ?? [];
  if (said === undefined) return error.message;
  const words = WORDS[error.code] ?? said;
  return `${words[0].toUpperCase()}${words.slice(1)} (os error ${-error.errno})`;
}
