'use server';

import * as api from 'vetassist';
import { check } from '../check.mjs';

export async function onServer() {
  return check(api);
}
