// The address of a request's client, from the headers that proxies write.

import { asString, isArray, member, typeError } from './arguments.js';
import { error } from './errors.js';
import { hashIp } from './ip_hash.js';

// RFC 7239 section 4, with the quoted strings and tokens of RFC 9110.
const PAIR = /[\t ]*(?:([!#$%&'*+.^_`|~\w-]+)=([!#$%&'*+.^_`|~\w-]+|"(?:[^"\\]|\\.)*"))?[\t ]*/y;

/** Returns the `for` of each element of a Forwarded header: null if it has none, undefined if the header is malformed. */
function forwarded(value) {
  const found = [];
  // Without a prototype, because a parameter may be called `constructor`.
  let element = Object.create(null);
  for (let at = 0; at <= value.length; at++) {
    PAIR.lastIndex = at;
    const [whole, name, given] = PAIR.exec(value);
    if (name !== undefined) {
      const key = name.toLowerCase();
      // A parameter must occur only once.
      if (key in element) return undefined;
      element[key] = given.startsWith('"') ? given.slice(1, -1).replaceAll(/\\(.)/g, '$1') : given;
    }
    at += whole.length;
    if (at === value.length || value[at] === ',') {
      if (Object.keys(element).length > 0) found.push(nodeOf(element));
      element = Object.create(null);
    } else if (value[at] !== ';') {
      return undefined;
    }
  }
  return found;
}

/** Returns the node that an element of a Forwarded header names. An IPv6 address must be in brackets there. */
const nodeOf = ({ for: node }) => (node === undefined || /^[^[]*:[^[]*:/.test(node) ? null : node);

/** Returns the elements of a list without the blanks of HTTP around them. */
const listOf = (text) => text.split(',').map((part) => part.replaceAll(/^[\t ]+|[\t ]+$/g, '')).filter((part) => part !== '');

/** Returns the address of a node, without its port: null for an unknown or hidden one. */
function host(node) {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([\d.]+))(?::(?:\d{1,5}|_[\w.-]+))?$/.exec(node) ?? [, , node];
  const address = bracketed ?? plain;
  if (bracketed !== undefined && !bracketed.includes(':')) return null;
  try {
    hashIp(address);
    return address;
  } catch ({ code }) {
    if (code !== 'ERR_INVALID_ADDRESS') throw error(code, 'the module could not check the address');
    return null;
  }
}

export function addressOf(value, options) {
  if (options !== undefined && (typeof options !== 'object' || options === null)) {
    throw typeError('options', 'an object', options);
  }
  const given = options && member(options, 'trustedHops', 'options');
  const trustedHops = given === undefined ? 1 : given;
  if (!Number.isSafeInteger(trustedHops) || trustedHops < 0) {
    throw error('ERR_INVALID_ARG_TYPE', 'trustedHops must be a whole number, 0 or more');
  }
  if (value === null || value === undefined) return null;
  if (isArray(value)) throw error('ERR_INVALID_ARG_TYPE', 'the header must be a string: join its lines with a comma');
  const text = asString(value, 'the header');
  const list = listOf(text);
  // The last element decides, because a proxy wrote it. In a Forwarded header it has an equals sign, or is the end of a quoted
  // string. An address has neither.
  const nodes = /[="]/.test(list.at(-1)) ? forwarded(text) : list;
  // Each proxy appends the address of its caller. The client can forge everything before these addresses.
  const node = nodes?.[nodes.length - trustedHops];
  return typeof node === 'string' ? host(node) : null;
}
