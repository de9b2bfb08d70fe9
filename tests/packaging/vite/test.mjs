// Tests the package bundled by Vite, in Chromium and Firefox.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { passes } from '../browser/drive.mjs';

const outDir = await mkdtemp(join(tmpdir(), 'vetassist-vite-'));
try {
  await build({
    root: fileURLToPath(new URL('.', import.meta.url)),
    configFile: false,
    logLevel: 'warn',
    build: { outDir, emptyOutDir: true },
  });
  const assets = readdirSync(join(outDir, 'assets'));
  assert(assets.some((name) => name.endsWith('.wasm')), 'the module is an asset');
  for (const browser of ['chromium', 'firefox']) await passes(browser, outDir, '/index.html');
} finally {
  await rm(outDir, { recursive: true });
}
