import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import { check } from '../../check.mjs';

export const config = { runtime: 'edge' };

export default () => Response.json({ cases: check(api, metadata) });
