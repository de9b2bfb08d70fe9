// Has the log sealed by another process after the first line of progress; or writes slowly, and keeps how much memory that took.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

const { VETASSIST_TEST_SEALS: database, VETASSIST_TEST_MEMORY: memory } = process.env;
const { writeSync } = fs;
let isSealed = database === undefined;
fs.writeSync = (file, ...rest) => {
  const written = writeSync(file, ...rest);
  if (file === 2 && !isSealed) {
    isSealed = true;
    const env = { ...process.env, NODE_OPTIONS: '' };
    execFileSync(process.execPath, [fileURLToPath(new URL('seal.mjs', import.meta.url)), database], { env });
  }
  if (file > 2 && memory !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  return written;
};
syncBuiltinESMExports();
if (isMainThread && memory !== undefined) {
  process.on('exit', () => fs.writeFileSync(memory, String(process.resourceUsage().maxRSS)));
}
