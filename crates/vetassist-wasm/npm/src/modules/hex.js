const digit = (code) => code - (code > 57 ? 87 : 48);

function decode(hex) {
  if (Uint8Array.fromHex) return Uint8Array.fromHex(hex);
  const { Buffer } = globalThis;
  if (Buffer?.from) return Buffer.from(hex, 'hex');
  const bytes = new Uint8Array(hex.length / 2);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = 16 * digit(hex.charCodeAt(2 * at)) + digit(hex.charCodeAt(2 * at + 1));
  }
  return bytes;
}
