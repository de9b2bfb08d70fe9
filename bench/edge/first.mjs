// A script that uses the package once, for measuring the start.
import { generateKey, hashIp, Key } from 'vetassist';

hashIp('203.0.113.7');
new Key(generateKey()).seal('x');
