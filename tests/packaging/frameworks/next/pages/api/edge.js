import * as api from 'vetassist';
import { check } from '../../check.mjs';

export const config = { runtime: 'edge' };

export default () => Response.json({ cases: check(api) });
