// The core's comparison of a database with the four tables, in a module of its own that starts at its first
// call.

import { schema as source } from '#modules';
import { schemaQuery } from '#schema_query';
import { isArray, member, typeError } from './arguments.js';
import { compiled } from './compiled.js';
import { error, unavailable } from './errors.js';
import { decode, encode as encodeText } from './utf8.js';

export { schemaQuery };

const FIELDS = ['object', 'attribute', 'value'];

let running;

/** Starts the module from its bytes or from the compiled module. Does nothing if it is running. */
export function startSchema(module) {
  if (running !== undefined) return;
  try {
    running = new WebAssembly.Instance(compiled(module)).exports;
  } catch (cause) {
    throw unavailable(cause);
  }
}

/** Returns the rows in the module's format: fields that end with a NUL, which no text of PostgreSQL contains. */
function encode(rows) {
  let text = '';
  rows.forEach((row, at) => {
    for (const field of FIELDS) {
      const value = row === undefined || row === null ? undefined : member(row, field, `rows[${at}].${field}`);
      if (typeof value !== 'string' || value.includes('\0')) {
        throw error('ERR_INVALID_ROW', `rows[${at}].${field} is not text: pass the rows that schemaQuery returned`);
      }
      text += `${value}\0`;
    }
  });
  return encodeText(text);
}

function listed(rows) {
  try {
    return [...rows];
  } catch (cause) {
    throw error('ERR_INVALID_ARG_TYPE', 'rows cannot be read', { cause });
  }
}

export function checkSchema(rows) {
  if (!isArray(rows)) throw typeError('rows', 'the array of rows that schemaQuery returned', rows);
  // A hole is no row, and is passed over by forEach.
  const bytes = encode(listed(rows));
  if (running === undefined) {
    const found = source?.();
    if (found === undefined) {
      throw error('ERR_NOT_INITIALIZED', 'give schema.wasm to init() or initSync() of vetassist/slim too');
    }
    startSchema(found);
  }
  const { differences, memory, place, stage } = running;
  const start = stage(bytes.length) >>> 0;
  new Uint8Array(memory.buffer).set(bytes, start);
  const length = differences();
  if (length < 0) throw error('ERR_INTERNAL', 'the module could not read the rows');
  const answer = new Uint8Array(memory.buffer, place() >>> 0, length);
  const fields = decode(answer).split('\0');
  const value = (field) => (field[0] === '+' ? field.slice(1) : null);
  const found = [];
  for (let at = 0; at + 3 < fields.length; at += 4) {
    const [object, problem] = fields.slice(at, at + 2);
    found.push({ object, problem, expected: value(fields[at + 2]), found: value(fields[at + 3]) });
  }
  return found;
}
