import * as api from 'vetassist';
import { check } from './check.mjs';

console.log(check(api));
