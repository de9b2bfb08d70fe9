// Assertions for the tests of the client, which count the cases.
import assert from 'node:assert/strict';

/** Returns the assertions, and total(more), which adds cases that were counted elsewhere and returns the number of cases. */
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
    /** Asserts that a call fails with this code and without the driver's details, and returns the error. */
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
