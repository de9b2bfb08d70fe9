#!/usr/bin/env node
// npx vetassist: the commands of the package.

import { audit } from './audit/command.js';

const USAGE = `Usage: vetassist audit keygen|verifier|watch|export|verify …

vetassist audit --help says more.
`;

const [command, ...args] = process.argv.slice(2);
if (command === 'audit') {
  try {
    process.exitCode = audit(args);
  } catch (error) {
    // Node would end with 1, which means that a problem was found.
    console.error(error);
    process.exitCode = 2;
  }
} else if (command === '--help' || command === 'help') {
  process.stdout.write(USAGE);
} else {
  process.stderr.write(USAGE);
  process.exitCode = 2;
}
