// Tests the package in one file that ncc (webpack) built, imported and required, in a folder without other files and with Node's
// permission model, which allows reading only that folder.
import { rmSync } from 'node:fs';
import { alone, app, bin, node, runs } from '../tools.mjs';

const folder = app('ncc');
let cases = 0;
const count = async (built, file, program, args = []) => {
  const copy = alone(built);
  try {
    cases += Number(await runs(copy, program, [...args.map((arg) => arg.replace('HERE', copy)), file]));
  } finally {
    rmSync(copy, { recursive: true });
  }
};
for (const name of ['index.mjs', 'required.cjs']) {
  const out = `${folder}/out-${name}`;
  await runs(folder, bin('ncc'), ['build', name, '-o', out]);
  const file = name === 'index.mjs' ? 'index.mjs' : 'index.cjs';
  for (const program of [process.execPath, node(24)]) await count(out, file, program);
  await count(out, file, node(24), ['--permission', '--allow-fs-read=HERE']);
}
console.log(`ncc: ${cases} cases agree`);
