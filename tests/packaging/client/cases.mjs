// Assertions that count the cases, for the tests of the client.
import assert from 'node:assert/strict';

/** Returns the assertions, and total(more), which adds cases that were counted otherwise and returns how many there are. */
export function counted() {
  let cases = 0;
  return {
    equal(found, expected, what) {
      cases += 1;
      assert.deepEqual(found, expected, what);
    },
    check(is, what) {
      cases += 1;
      assert(is, what);
    },
    /** Returns the error, which has this code and nothing of the driver's. */
    async rejects(code, call, more = {}) {
      cases += 1;
      let thrown;
      await assert.rejects(call, (error) => {
        thrown = error;
        return true;
      });
      assert.equal(thrown.code, code, thrown.stack);
      for (const [name, value] of Object.entries(more)) assert.deepEqual(thrown[name], value, `${name} of ${thrown.stack}`);
      for (const name of ['detail', 'where', 'hint', 'parameters', 'query']) assert(!(name in thrown), name);
      return thrown;
    },
    total(more = 0) {
      cases += more;
      return cases;
    },
  };
}
