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
  if (free !== undefined && Symbol.dispose) hidden(made.prototype, Symbol.dispose, free);
  return made;
}

// The function that creates the objects of each class.
const makers = /* @__PURE__ */ new WeakMap();

/**
 * The base of classes with a key. Its objects are created as generators, because structuredClone, postMessage and IndexedDB
 * refuse objects with an internal slot, and would make an empty object of any other. Of the objects with such a slot,
 * generators are the fastest to create, and faster if they need no other prototype afterwards.
 */
export function Uncloneable() {
  let make = makers.get(new.target);
  if (make === undefined) {
    make = function* () {};
    make.prototype = new.target.prototype;
    makers.set(new.target, make);
  }
  return make();
}
