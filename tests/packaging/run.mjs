// Runs the conformance tests with their vectors, in every runtime that has import attributes.
import keyFiles from '../vectors/key-files.json' with { type: 'json' };
import reference from '../vectors/reference.json' with { type: 'json' };
import schema from '../vectors/schema.json' with { type: 'json' };
import { conformance } from './conformance.mjs';

/** Runs them with the exports of the package and of `vetassist/metadata`, and returns a line with the number of cases. */
export async function run(api, runtime) {
  const cases = await conformance(api, { keyFiles, reference, schema });
  return `${runtime}: ${cases} cases agree`;
}
