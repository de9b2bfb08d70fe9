import * as api from 'vetassist';
import { check } from '../../check.mjs';

export default defineEventHandler(() => ({ cases: check(api) }));
