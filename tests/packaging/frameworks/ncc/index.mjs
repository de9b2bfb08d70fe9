import * as api from 'vetassist';
import * as metadata from 'vetassist/metadata';
import { check } from './check.mjs';

console.log(check(api, metadata));
