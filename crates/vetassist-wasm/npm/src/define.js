// Creates the classes in such a way that bundlers leave out unused ones, minifiers keep the names, and two copies of
// this package (one imported and one required, or before and after a hot reload) recognise each other's objects.

const brandOf = (name) => Symbol.for(`vetassist.${name}`);

/** Returns whether a value is an object of the class of that name, of this copy or of another. */
export function isBranded(value, name) {
  try {
    return typeof value === 'object' && value !== null && value[brandOf(name)] === true;
  } catch {
    // The value is a Proxy that throws.
    return false;
  }
}

/**
 * Creates a class and names it.
 *
 * @template T
 * @param {string} name
 * @param {() => T} make
 * @returns {T}
 */
export function define(name, make) {
  const made = make();
  const hidden = (owner, key, value) =>
    Object.defineProperty(owner, key, { value, writable: true, configurable: true });
  hidden(made, 'name', name);
  hidden(made.prototype, brandOf(name), true);
  hidden(made, Symbol.hasInstance, function (value) {
    // A subclass uses the ordinary check.
    return this === made ? isBranded(value, name) : Function.prototype[Symbol.hasInstance].call(this, value);
  });
  const { free } = made.prototype;
  if (free !== undefined) {
    // String(key) and the errors of structuredClone show it, also in minified code.
    Object.defineProperty(made.prototype, Symbol.toStringTag, { value: name, configurable: true });
    if (Symbol.dispose) hidden(made.prototype, Symbol.dispose, free);
  }
  return made;
}

/**
 * Returns the base of a class with a key. Its objects are created by a generator function, because structuredClone, postMessage and
 * IndexedDB refuse objects with an internal slot, and would make an empty object of any other. Of the objects with such a slot,
 * generators are the fastest to create, and faster if they need no other prototype afterwards.
 *
 * @param make the generator function. Stack traces show its name, which is that of the class.
 */
export function uncloneable(make) {
  let direct;
  return function Uncloneable() {
    if (direct === undefined && Object.getPrototypeOf(new.target) === Uncloneable) {
      direct = new.target;
      make.prototype = direct.prototype;
    }
    const made = make();
    return new.target === direct ? made : Object.setPrototypeOf(made, new.target.prototype);
  };
}
