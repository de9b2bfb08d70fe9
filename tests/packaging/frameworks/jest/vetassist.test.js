const api = require('vetassist');
const { check } = require('./check.cjs');

test('the cases agree', () => {
  expect(typeof window).toBe('object');
  expect(check(api)).toBeGreaterThan(20);
});
