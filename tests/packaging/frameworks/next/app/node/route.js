import * as api from 'vetassist';
import { check } from '../../check.mjs';

export const runtime = 'nodejs';
export const dynamic = 'force-dynamic';

export const GET = () => Response.json({ cases: check(api) });
