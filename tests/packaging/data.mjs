// Data for the conformance tests.

export const USER = '1bb044aa-ded1-40c7-8a88-433e74903f95';
export const OVERHEAD = 28;

export const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
export const hex = (array) => Array.from(array, (byte) => byte.toString(16).padStart(2, '0')).join('');
export const utf8 = (text) => new TextEncoder().encode(text);

/** Returns pseudo-random bytes that are the same in every run. */
export function noise(length) {
  let state = 2463534242 ^ length;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  });
}
