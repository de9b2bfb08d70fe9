import { NextResponse } from 'next/server';
import * as api from 'vetassist';
import { check } from './check.mjs';

export const config = { matcher: '/proxy' };

export function proxy() {
  return NextResponse.json({ cases: check(api) });
}
