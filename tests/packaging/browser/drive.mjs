// Chromium and Firefox as Debian packs them, without a window.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { serve } from './serve.mjs';

const LAUNCH = {
  async chromium() {
    return chromium.launch({
      executablePath: '/usr/bin/chromium',
      // It refuses to sandbox itself as root; the pages are ours. Nothing of it is to use the network.
      chromiumSandbox: false,
      args: [
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
  },
  async firefox() {
    return puppeteer.launch({ browser: 'firefox', executablePath: '/usr/bin/firefox-esr' });
  },
};
const PATIENCE = 60_000;

/** Loads pages of a folder one after the other, each a path, and returns what each reported. */
export async function inBrowser(name, folder, paths) {
  const server = await serve(folder);
  const browser = await LAUNCH[name]();
  try {
    const version = await browser.version();
    const reports = [];
    for (const path of paths) {
      const page = await browser.newPage();
      const trouble = [];
      page.on('console', (message) => trouble.push(message.text()));
      page.on('pageerror', (error) => trouble.push(String(error)));
      let timer;
      const late = new Promise((_, reject) => {
        timer = setTimeout(
          () => reject(new Error(`${name}, ${path}: nothing within a minute: ${trouble.join('; ')}`)),
          PATIENCE,
        );
      });
      const said = server.said();
      await page.goto(server.url + path);
      reports.push(await Promise.race([said, late]));
      clearTimeout(timer);
      await page.close();
    }
    return { version: `${name} ${version.replace(/^.*\//, '')}`, reports };
  } finally {
    await browser.close();
    server.close();
  }
}

/** Runs a page that must pass, and again where it is not allowed to compile WebAssembly. */
export async function passes(name, folder, path) {
  const expected = 'ERR_WASM_UNAVAILABLE';
  const { version, reports } = await inBrowser(name, folder, [path, `${path}?expect=${expected}`]);
  const [{ said, error }, refused] = reports;
  assert.equal(error, undefined, error);
  assert.match(said, /cases agree/);
  assert.equal(refused.code, expected, `a policy without wasm-unsafe-eval: ${refused.error}`);
  console.log(`${version}, ${said}`);
}
