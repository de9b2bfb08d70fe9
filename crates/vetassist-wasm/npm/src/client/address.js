// The address of a request.

import { addressOf } from '#vetassist';
import { badArgument } from './failure.js';

export function clientAddress(headers, rule) {
  const read = (name) => {
    const value = typeof headers?.get === 'function' ? headers.get(name) : headers?.[name];
    return Array.isArray(value) ? value.join(', ') : value;
  };
  if (rule === 'cf-connecting-ip' || rule === 'x-real-ip') return addressOf(read(rule)) ?? undefined;
  const hops = rule?.forwardedFor?.trustedHops ?? rule?.forwarded?.trustedHops;
  if (hops === undefined) throw badArgument("rule must be 'cf-connecting-ip', 'x-real-ip', { forwardedFor: { trustedHops } } or { forwarded: { trustedHops } }");
  return addressOf(read(rule.forwardedFor ? 'x-forwarded-for' : 'forwarded'), { trustedHops: hops }) ?? undefined;
}
