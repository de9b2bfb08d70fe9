const api = require('vetassist');
const { check } = require('./check.cjs');

test('the package passes all shared cases', () => {
  expect(typeof window).toBe('object');
  expect(check(api)).toBeGreaterThan(20);
});
