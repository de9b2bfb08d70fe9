import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import { check } from '../../check.mjs';

export default defineEventHandler(() => ({ cases: check(api, metadata) }));
