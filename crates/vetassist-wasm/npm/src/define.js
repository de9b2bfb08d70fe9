// How the classes are made: so that bundlers leave out what is not used, minifiers keep the names, and two
// copies of this package (one imported and one required, before and after a hot reload) know each other's
// objects.

const brandOf = (name) => Symbol.for(`vetassist.${name}`);

/** Tells whether a value is of the class of that name, of this copy or of another. */
export const isBranded = (value, name) =>
  typeof value === 'object' && value !== null && value[brandOf(name)] === true;

/**
 * Makes a class and names it.
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
    // A class that extends ours is no class of ours.
    return this === made ? isBranded(value, name) : Function.prototype[Symbol.hasInstance].call(this, value);
  });
  const { free } = made.prototype;
  if (free !== undefined && Symbol.dispose) hidden(made.prototype, Symbol.dispose, free);
  return made;
}

function* nothing() {}

/**
 * The base of what holds a key. Its objects are made as generators are, with an internal slot, for one purpose:
 * structuredClone, postMessage and IndexedDB refuse such, and would make an empty object of any other. Of all that have
 * a slot these cost the least.
 */
export function Uncloneable() {
  return Object.setPrototypeOf(nothing(), new.target.prototype);
}
