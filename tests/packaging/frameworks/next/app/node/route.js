import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import { check } from '../../check.mjs';

export const runtime = 'nodejs';
export const dynamic = 'force-dynamic';

export const GET = () => Response.json({ cases: check(api, metadata) });
