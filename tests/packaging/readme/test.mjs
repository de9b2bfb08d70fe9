// Tests the documentation: every JavaScript example runs in its runtime, and the tables list every function and code.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import { bundled } from '../browser/bundle.mjs';
import { inBrowser } from '../browser/drive.mjs';
import { masterKey } from '../random.mjs';
import { worker } from '../workerd/miniflare.mjs';

const packaged = (name) => new URL(`../node_modules/vetassist/${name}`, import.meta.url);
const repository = new URL('../../../', import.meta.url);
const page = (path) => readFileSync(new URL(path, repository), 'utf8');
const reference = page('docs/javascript.md');
const pages = readdirSync(new URL('docs', repository), { recursive: true }).filter((path) => path.endsWith('.md'));
/** The package's own page, the front page, and all pages of docs/. */
const texts = [readFileSync(packaged('README.md'), 'utf8'), page('README.md'), ...pages.map((path) => page(`docs/${path}`))];
const folder = new URL('.build/', import.meta.url);
const bin = (name) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));
const VETASSIST_MASTER_KEY = masterKey();

let cases = 0;

/** Rewrites `value; // => expected` and `call; // throws CODE` as checks. */
function checked(code) {
  let checks = 0;
  const lines = code.split('\n').map((line) => {
    const [, value, expected] = /^(\S.*); \/\/ => (.*)$/.exec(line) ?? [];
    const [, call, thrown] = /^(\S.*); \/\/ throws (\w+)$/.exec(line) ?? [];
    if (value !== undefined) {
      checks += 1;
      return `same(${value}, ${expected});`;
    }
    if (call !== undefined) {
      checks += 1;
      return `same((() => { try { ${call} } catch (error) { return error.code } })(), '${thrown}');`;
    }
    return line;
  });
  assert(checks > 0, `the example has no check:\n${code}`);
  const same = `let seen = 0;
const same = (found, expected) => {
  if (!Object.is(found, expected)) throw new Error(\`\${found} where \${expected} was expected\`);
  seen += 1;
};`;
  return { code: `${same}\n${lines.join('\n')}\n`, checks };
}

const RUN = {
  node: (file) => execFileSync(process.execPath, [file], given),
  cjs: (file) => execFileSync(process.execPath, [file], given),
  deno: (file) =>
    execFileSync(bin('deno'), ['run', '--no-prompt', '--cached-only', '--allow-env=VETASSIST_MASTER_KEY', file], given),
  bun: (file) => execFileSync(bin('bun'), ['run', file], given),
};
const given = { encoding: 'utf8', env: { ...process.env, VETASSIST_MASTER_KEY } };

async function runs(info, code, number) {
  const [, runtime = 'node'] = info.split(' ');
  const file = (extension) => fileURLToPath(new URL(`${number}.${extension}`, folder));
  if (runtime === 'workerd') {
    writeFileSync(file('mjs'), code);
    const flare = await worker(new URL(`${number}.mjs`, folder), { bindings: { VETASSIST_MASTER_KEY } });
    try {
      const response = await flare.dispatchFetch('http://localhost/', { headers: { 'CF-Connecting-IP': '192.0.2.1' } });
      assert.equal(await response.text(), api.hashIpKeyed('192.0.2.1', VETASSIST_MASTER_KEY));
    } finally {
      await flare.dispose();
    }
    cases += 1;
    return;
  }
  const { code: program, checks } = checked(code);
  if (runtime === 'browser') {
    const sends = "fetch('/said', { method: 'POST', body: JSON.stringify({ seen }) });";
    writeFileSync(file('mjs'), program + sends);
    const page = await bundled(file('mjs'));
    const { reports } = await inBrowser('chromium', page, [`/${number}.html`]);
    rmSync(page, { recursive: true });
    assert.deepEqual(reports, [{ seen: checks }]);
  } else {
    const name = file(runtime === 'cjs' ? 'cjs' : 'mjs');
    writeFileSync(name, `${program}console.log(seen);`);
    assert.equal(Number(RUN[runtime](name)), checks, info);
  }
  cases += checks;
}

/** Returns the code in the first column of the table below a heading. */
function firstColumn(heading) {
  const section = reference.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) => [...row.split('|')[1].matchAll(/`([^`]+)`/g)].map(([, code]) => code));
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
try {
  const fenced = texts.flatMap((text) => [...text.matchAll(/^```(.+)\n([^]*?)^```$/gm)]);
  const blocks = fenced.filter(([, info]) => info.split(' ')[0] === 'js');
  const runtimes = new Set(blocks.map(([, info]) => info));
  for (const runtime of ['node', 'cjs', 'deno', 'bun', 'workerd', 'browser']) {
    assert(runtimes.has(`js ${runtime}`), `no example for ${runtime}`);
  }
  for (const [number, [, info, code]] of blocks.entries()) await runs(info, code, number);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const codes = readFileSync(packaged('dist/core.cjs'), 'utf8').match(/\bERR_[A-Z\d_]+/g);
assert.deepEqual(firstColumn('Errors').sort(), [...new Set(codes)].sort(), 'the table of errors');

const documented = new Set(firstColumn('Functions').map((code) => code.replace(/^new |\(.*$/g, '')));
const objects = { Key: 'key', MasterKey: 'master', KeyRing: 'ring' };
const there = Object.keys({ ...api, ...metadata }).flatMap((name) => {
  if (name === 'VetassistError') return [];
  const methods = objects[name] === undefined ? [] : Object.getOwnPropertyNames(api[name].prototype);
  const own = methods.filter((method) => !['constructor', 'free'].includes(method));
  return [name, ...own.map((method) => `${objects[name]}.${method}`)];
});
assert.deepEqual([...documented].sort(), [...there, 'KeyRing.parse'].sort(), 'the tables of functions');
cases += documented.size + new Set(codes).size;
console.log(`the documentation: ${cases} cases agree`);
