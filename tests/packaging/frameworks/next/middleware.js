import { NextResponse } from 'next/server';
import * as api from 'vetassist';
import { check } from './check.mjs';

export const config = { matcher: '/middleware' };

export function middleware() {
  return NextResponse.json({ cases: check(api) });
}
