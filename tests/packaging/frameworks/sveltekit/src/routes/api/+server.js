import * as api from 'vetassist';
import { check } from '../../../check.mjs';

export const GET = () => Response.json({ cases: check(api) });
