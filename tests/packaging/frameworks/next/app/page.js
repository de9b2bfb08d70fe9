'use client';

import { useEffect, useState } from 'react';
import * as api from 'vetassist';
import { check } from '../check.mjs';
import { onServer } from './action.js';

export default function Page() {
  const [said, say] = useState('');
  useEffect(() => {
    (async () => say(JSON.stringify({ cases: check(api) + (await onServer()) })))().catch((error) => say(error.stack));
  }, []);
  return <p id="said">{said}</p>;
}
