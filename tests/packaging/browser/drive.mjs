// Runs pages in Debian's Chromium and Firefox, without a window.
import assert from 'node:assert/strict';
import { chromium as playwright } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { serve } from './serve.mjs';

const LAUNCH = {
  async chromium() {
    return playwright.launch({
      executablePath: '/usr/bin/chromium',
      // Chromium refuses to run its sandbox as root. The pages are those of the tests. The flags turn network services off.
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

/** Loads pages of a folder one after another, and returns the report of each. */
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
          () => reject(new Error(`${name}, ${path}: no report within a minute: ${trouble.join('; ')}`)),
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

/** Runs pages that must pass, and runs the first again under a policy that forbids compiling WebAssembly. */
export async function passes(name, folder, ...paths) {
  const expected = 'ERR_WASM_UNAVAILABLE';
  const { version, reports } = await inBrowser(name, folder, [...paths, `${paths[0]}?expect=${expected}`]);
  const refused = reports.pop();
  for (const { said, error } of reports) {
    assert.equal(error, undefined, error);
    assert.match(said, /cases agree/);
    console.log(`${version}, ${said}`);
  }
  assert.equal(refused.code, expected, `a policy without wasm-unsafe-eval: ${refused.error}`);
}

/** Loads an address in Chromium, and returns the text of an element as soon as it has text. */
export async function chromium(url, selector) {
  const browser = await LAUNCH.chromium();
  try {
    const page = await browser.newPage();
    const trouble = [];
    page.on('console', (message) => trouble.push(message.text()));
    page.on('pageerror', (error) => trouble.push(String(error)));
    await page.goto(url);
    try {
      await page.waitForFunction((which) => document.querySelector(which)?.textContent, selector, { timeout: PATIENCE });
    } catch (error) {
      throw new Error(`${url} shows no text: ${trouble.join('; ')}`, { cause: error });
    }
    return await page.textContent(selector);
  } finally {
    await browser.close();
  }
}
