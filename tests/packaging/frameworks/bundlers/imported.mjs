import * as api from 'vetassist';
import { fromPglite } from 'vetassist/client';
import * as metadata from 'vetassist/metadata';
import { initSync } from 'vetassist/slim';
import { provider } from 'vetassist/testing';
import { check } from './check.mjs';

const issued = provider().issue().token_type;
console.log(JSON.stringify([check(api, metadata), typeof fromPglite, typeof initSync, issued]));
