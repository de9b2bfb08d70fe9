import * as api from 'vetassist';
import { check } from './check.mjs';

let said;
try {
  said = JSON.stringify({ cases: check(api) });
} catch (error) {
  said = error.stack;
}
document.querySelector('#said').textContent = said;
