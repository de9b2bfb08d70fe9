import { expect, test } from 'vitest';
import * as api from 'vetassist';
import { check } from './check.mjs';

test('the package passes all shared cases', () => {
  expect(typeof window).toBe('object');
  expect(check(api)).toBeGreaterThan(20);
});
