import { getSystemErrorMap } from 'node:util';

/** The usual messages for errors for which libuv has others. */
const WORDS = { EEXIST: 'file exists', EISDIR: 'is a directory' };

/** Returns the message for a failed system call, as other programs write it. */
export function reason(error) {
  const [, said] = getSystemErrorMap().get(error.errno) ?? [];
  if (said === undefined) return error.message;
  const words = WORDS[error.code] ?? said;
  return `${words[0].toUpperCase()}${words.slice(1)} (os error ${-error.errno})`;
}
