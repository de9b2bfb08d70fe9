// The package in a browser, straight from its folder: node browser/test.mjs chromium|firefox
import { fileURLToPath } from 'node:url';
import { passes } from './drive.mjs';

await passes(process.argv[2], fileURLToPath(new URL('../..', import.meta.url)), '/packaging/browser/page.html');
