// Tests the package in a browser, from its folder: node browser/test.mjs chromium|firefox
import { fileURLToPath } from 'node:url';
import { passes } from './drive.mjs';

const tests = fileURLToPath(new URL('../..', import.meta.url));
await passes(process.argv[2], tests, '/packaging/browser/page.html', '/packaging/browser/slim.html');
