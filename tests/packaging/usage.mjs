// Tests common uses and mistakes: text for cookies, addresses in headers, methods called without their object, clones. Part of
// the conformance tests.

import { noise, utf8 } from './data.mjs';

const ADDRESS = '203.0.113.7';

export function usage(cases) {
  sealsToText(cases);
  findsAddresses(cases);
  explainsAddresses(cases);
  explainsKeys(cases);
  refusesAnotherThis(cases);
  classesHaveTheirNames(cases);
  refusesClones(cases);
  worksTogether(cases, cases.api);
}

function sealsToText(cases) {
  const { api } = cases;
  const key = new api.Key(new Uint8Array(32));
  for (let length = 0; length < 70; length++) {
    const text = 'x'.repeat(length);
    const sealed = key.sealToText(text, 'session');
    cases.equal(/^[\w-]+$/.test(sealed), true, 'the alphabet');
    cases.equal(sealed.length, Math.ceil((4 * (length + 28)) / 3), 'no padding');
    cases.equal(key.openFromText(sealed, 'session'), text, 'opened from text');
    cases.refuses('ERR_OPEN_FAILED', 'another cookie', () => key.openFromText(sealed, 'other'));
  }
  cases.equal(key.openFromText(key.sealToText(utf8('東京'))), '東京', 'bytes to text');
  cases.equal(key.openFromText(key.sealToText('y'.repeat(10_000))).length, 10_000, 'long text');
  cases.refuses('ERR_NOT_UTF8', 'no text', () => key.openFromText(key.sealToText(Uint8Array.of(255))));
  // AES-256-GCM of an empty plaintext, with a key and a nonce of zeros.
  const known = 'AAAAAAAAAAAAAAAAUw-K-8dFNrmpY7TxxMtziw';
  cases.equal(key.openFromText(known), '', 'text from another implementation');
  for (const wrong of [
    `${known}==`,
    `${known}=`,
    ` ${known}`,
    `${known}\n`,
    known.replace('-', '+'),
    known.replace('-', '/'),
    `${known.slice(0, -1)}x`,
    known.slice(0, -1),
    known.replace('A', 'é'),
    known.replace('A', '\0'),
    known.replace('A', '😀'),
  ]) {
    cases.refuses('ERR_INVALID_SEALED_TEXT', JSON.stringify(wrong), () => key.openFromText(wrong));
  }
  cases.refuses('ERR_SEALED_TOO_SHORT', 'nothing', () => key.openFromText(''));
  cases.refuses('ERR_SEALED_TOO_SHORT', 'short', () => key.openFromText('AAAA'));
  for (const wrong of [undefined, null, 5, new Uint8Array(28)]) {
    cases.refuses('ERR_INVALID_ARG_TYPE', `openFromText(${wrong})`, () => key.openFromText(wrong));
  }
  key.free();
  cases.refuses('ERR_FREED', 'freed', () => key.sealToText('x'));
  cases.refuses('ERR_FREED', 'freed', () => key.openFromText(known));
}

function findsAddresses(cases) {
  const { addressOf } = cases.api;
  const list = '198.51.100.1, 192.0.2.60:4711,203.0.113.7';
  const forwarded = 'for=198.51.100.1;by="_x;y",For="[2001:db8:cafe::17]:4711" ; proto=http;by=203.0.113.43,\tfor=203.0.113.7';
  for (const [value, trustedHops, expected] of [
    [ADDRESS, undefined, ADDRESS],
    ['2001:db8::1', undefined, '2001:db8::1'],
    ['[2001:db8::1]', undefined, '2001:db8::1'],
    ['[2001:db8::1]:443', undefined, '2001:db8::1'],
    [`${ADDRESS}:443`, undefined, ADDRESS],
    [list, undefined, ADDRESS],
    [list, 1, ADDRESS],
    [list, 2, '192.0.2.60'],
    [list, 3, '198.51.100.1'],
    [list, 4, null],
    [list, 0, null],
    [`spoofed, ${ADDRESS}`, 1, ADDRESS],
    [`spoofed, ${ADDRESS}`, 2, null],
    [`,, ${ADDRESS} ,`, 1, ADDRESS],
    [forwarded, undefined, ADDRESS],
    [forwarded, 2, '2001:db8:cafe::17'],
    [forwarded, 3, '198.51.100.1'],
    [forwarded, 4, null],
    ['for="203.0.113.7:1\\2"', 1, ADDRESS],
    ['for=unknown', 1, null],
    ['for=_hidden', 1, null],
    ['for="_SEVKISEK:80"', 1, null],
    ['proto=https', 1, null],
    [`by=${ADDRESS}`, 1, null],
    ['for=2001:db8::1', 1, null],
    ['for="2001:db8::1"', 1, null],
    ['for="[203.0.113.7]"', 1, null],
    ['for="203.0.113.7', 1, null],
    [`for="x, for=${ADDRESS}`, 1, null],
    [`for=198.51.100.1;for=${ADDRESS}`, 1, null],
    [`for=198.51.100.1 for=${ADDRESS}`, 1, null],
    [`for =${ADDRESS}`, 1, null],
    [`for=${ADDRESS}, x`, 1, null],
    ['', 1, null],
    [' ', 1, null],
    ['unknown', 1, null],
    ['203.0.113.7/24', 1, null],
    ['fe80::1%eth0', 1, null],
    ['203.0.113.256', 1, null],
    [null, 1, null],
    [undefined, 1, null],
    // A client cannot hide its address behind elements that the proxy did not write.
    [`for=192.0.2.1, ${ADDRESS}`, 1, ADDRESS],
    [`a=b, x="y, 192.0.2.60, ${ADDRESS}`, 2, '192.0.2.60'],
    [`192.0.2.1, for=${ADDRESS}`, 1, null],
    [`for=", for=${ADDRESS}`, 1, null],
    [`for=${ADDRESS};secret="a,b;for=192.0.2.1"`, 1, ADDRESS],
    [`constructor=x;__proto__=y;for=${ADDRESS}`, 1, ADDRESS],
    [`FOR=${ADDRESS};For=192.0.2.1`, 1, null],
    ['for="::1"', 1, null],
    ['for="[::1]:_port"', 1, '::1'],
    ['for="_a:_b"', 1, null],
    [`for=${ADDRESS}:80`, 1, null],
    [`;for=${ADDRESS};;`, 1, ADDRESS],
    [`${ADDRESS}\r\n192.0.2.1`, 1, null],
    [`192.0.2.1, ${ADDRESS}\n`, 1, null],
    [`"${ADDRESS}"`, 1, null],
    [list, Number.MAX_SAFE_INTEGER, null],
  ]) {
    const options = trustedHops === undefined ? undefined : { trustedHops };
    cases.equal(addressOf(value, options), expected, `${value} by ${trustedHops}`);
  }
  cases.equal(addressOf(`for="${'\\x'.repeat(50_000)}"`), null, 'a long value');
  cases.equal(addressOf(`${'a=b;'.repeat(1)}${'c=d,'.repeat(50_000)}for=${ADDRESS}`), ADDRESS, 'a long header');
  for (const wrong of [5, {}, [ADDRESS], new Map()]) {
    cases.refuses('ERR_INVALID_ARG_TYPE', `addressOf(${wrong})`, () => addressOf(wrong));
  }
  for (const trustedHops of [-1, 1.5, '1', null, Number.NaN]) {
    cases.refuses('ERR_INVALID_ARG_TYPE', `by ${trustedHops}`, () => addressOf(ADDRESS, { trustedHops }));
  }
  cases.refuses('ERR_INVALID_ARG_TYPE', 'a number of hops', () => addressOf(ADDRESS, 1));
}

/** Returns the message of the error that a call must throw. */
function message(cases, code, call) {
  try {
    call();
  } catch (error) {
    cases.refused(error, code, String(call));
    return error.message;
  }
  throw new Error(`${call} threw nothing`);
}

function explainsAddresses(cases) {
  const { api } = cases;
  for (const [address, word] of [
    [`${ADDRESS}, 192.0.2.1`, /list.*addressOf/],
    [`for=${ADDRESS}`, /header.*addressOf/],
    [`${ADDRESS}:443`, /port.*addressOf/],
    ['[2001:db8::1]:443', /port.*addressOf/],
    ['[2001:db8::1]', /brackets.*addressOf/],
    ['fe80::1%eth0', /zone/],
    [`${ADDRESS}/24`, /prefix/],
    [` ${ADDRESS}`, /blanks/],
    ['', /empty/],
    ['::ffff:203.0.113.7:443', /port.*addressOf/],
    [`https://${ADDRESS}`, /URL/],
    ['localhost', /IPv4 or IPv6/],
  ]) {
    for (const call of [() => api.hashIp(address), () => api.hashIpKeyed(address, new Uint8Array(32))]) {
      const said = message(cases, 'ERR_INVALID_ADDRESS', call);
      cases.equal(word.test(said), true, `${JSON.stringify(address)}: ${said}`);
      cases.equal(/203\.|fe80|2001/.test(said), false, `${said}: no address in it`);
    }
  }
}

function explainsKeys(cases) {
  const { api } = cases;
  const type = (call) => message(cases, 'ERR_INVALID_ARG_TYPE', call);
  cases.equal(/MasterKey/.test(type(() => new api.Key('0'.repeat(64)))), true, 'hex to a Key');
  cases.equal(/KeyRing\.parse/.test(type(() => new api.KeyRing('0'.repeat(64)))), true, 'text to a ring');
}

function refusesAnotherThis(cases) {
  const { api } = cases;
  const objects = [new api.Key(new Uint8Array(32)), new api.MasterKey(new Uint8Array(32)), new api.KeyRing([new Uint8Array(32)])];
  for (const object of objects) {
    const { name, prototype } = object.constructor;
    const methods = Object.getOwnPropertyNames(prototype).filter((method) => !['constructor', 'sealAsync', 'openAsync'].includes(method));
    cases.equal(methods.length >= 3, true, name);
    for (const method of methods) {
      const { [method]: taken } = object;
      for (const self of [undefined, null, 5, {}, prototype, new Proxy(object, {}), Object.create(object)]) {
        const said = message(cases, 'ERR_INVALID_THIS', () => taken.call(self, 'x', 'x'));
        cases.equal(said.includes(name), true, said);
      }
    }
    cases.refuses('ERR_INVALID_THIS', `a Proxy of a ${name}`, () => {
      const proxy = new Proxy(object, {});
      return name === 'Key' ? api.encrypt('x', proxy) : api.fingerprint(proxy);
    });
  }
}

function classesHaveTheirNames(cases) {
  const { api } = cases;
  for (const name of ['Key', 'MasterKey', 'KeyRing', 'VetassistError']) cases.equal(api[name].name, name, 'the name');
  const error = new api.VetassistError('ERR_FREED', 'x');
  cases.equal(String(error), 'VetassistError: x', 'an error as text');
  class Mine extends api.VetassistError {}
  cases.equal(new Mine('ERR_FREED', 'x') instanceof api.VetassistError, true, 'a class that extends VetassistError');
  cases.equal(error instanceof Mine, false, 'an error of the base class');
  for (const value of [undefined, null, 5, {}, new Error('x')]) {
    cases.equal(value instanceof api.VetassistError || value instanceof api.Key, false, 'of another class');
  }
}

// A clone in IndexedDB or another thread would be an empty object, so cloning throws.
function refusesClones(cases) {
  const { api } = cases;
  for (const object of [new api.Key(new Uint8Array(32)), new api.MasterKey(new Uint8Array(32)), new api.KeyRing([new Uint8Array(32)])]) {
    for (const value of [object, { object }, [object]]) {
      let found;
      try {
        found = structuredClone(value);
      } catch ({ name }) {
        found = name;
      }
      cases.equal(found, 'DataCloneError', `a clone of a ${object.constructor.name}`);
    }
    cases.equal(Reflect.ownKeys(object).length, 0, 'no property');
    cases.equal(JSON.stringify({ object }), '{"object":{}}', 'nothing as JSON');
    cases.equal(`${object}`, `[object ${object.constructor.name}]`, 'only the name of the class as text');
    const inspected = globalThis.process?.getBuiltinModule?.('node:util').inspect(object, { showHidden: true, depth: 9 }) ?? '';
    cases.equal(/Uint8Array|\d/.test(inspected), false, `no byte in ${inspected}`);
  }
}

/** Uses objects with another copy of the package: another version, or an import next to a require. */
export function worksTogether(cases, other) {
  const { api } = cases;
  const raw = noise(32);
  const user = '1bb044aa-ded1-40c7-8a88-433e74903f95';
  const [key, master, ring] = [new other.Key(raw), new other.MasterKey(raw), new other.KeyRing([raw, new Uint8Array(32)])];
  cases.equal(key instanceof api.Key && master instanceof api.MasterKey && ring instanceof api.KeyRing, true, 'objects of both copies have the same brand');
  cases.equal(key instanceof api.MasterKey || master instanceof api.Key, false, 'each class has its own brand');
  cases.equal(api.decryptText(api.encrypt('x', key), raw), 'x', "the other copy's Key");
  cases.equal(api.fingerprint(master), master.fingerprint(), "the other copy's MasterKey");
  cases.equal(api.fingerprint(ring), master.fingerprint(), "the other copy's KeyRing");
  cases.equal(api.hashIpKeyed(ADDRESS, ring), other.hashIpKeyed(ADDRESS, master), "an address with the other copy's KeyRing");
  const mixed = new api.KeyRing([new api.MasterKey(noise(33).slice(1)), master]);
  cases.equal(mixed.decryptToken(ring.encryptToken('token', user), user), 'token', "a ring with the other copy's MasterKey");
  try {
    other.hashIp('x');
  } catch (error) {
    cases.equal(error instanceof api.VetassistError, true, "the other copy's errors");
  }
  for (const object of [key, master, ring]) object.free();
  cases.refuses('ERR_FREED', "the other copy's Key, freed", () => api.encrypt('x', key));
  cases.refuses('ERR_FREED', "the other copy's MasterKey, freed", () => api.fingerprint(master));
  cases.refuses('ERR_FREED', "the other copy's KeyRing, freed", () => api.hashIpKeyed(ADDRESS, ring));
}

