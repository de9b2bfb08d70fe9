// The client: its options and its operations.

import { checking } from './check.js';
import { clientEnd, serverEnd } from './ends.js';
import { events } from './events.js';
import { badArgument } from './failure.js';
import { refreshing } from './refresh.js';
import { rotation, serverRotation } from './rotation.js';
import { sessions } from './sessions.js';
import { signingIn } from './sign_in.js';
import { runner } from './statement.js';
import { tokens } from './tokens.js';
import { isDuration } from './tokens_given.js';
import { users } from './users.js';

/** Returns the options with their defaults, and refuses invalid ones. */
function checked(options) {
  try {
    return read(options);
  } catch (cause) {
    if (cause?.code === 'ERR_INVALID_ARG_TYPE') throw cause;
    // A getter or a Proxy has thrown.
    throw badArgument('the options cannot be read');
  }
}

function read(options) {
  if (typeof options !== 'object' || options === null) throw badArgument('options must be an object');
  const { db, ring, refresh, schema = 'public', ipHash = 'keyed', onBadAddress = 'drop', refreshTimeoutMs = 10_000 } = options;
  const { defaultLifetimeSeconds, waitUntil, onEvent } = options;
  const demand = (is, message) => {
    if (!is) throw badArgument(message);
  };
  const isFunction = (value) => value === undefined || typeof value === 'function';
  demand(typeof db?.query === 'function', 'db must have a query function: fromPg, fromPostgres, fromPglite and fromNeon make one');
  demand(ring === undefined || typeof ring?.encryptToken === 'function', 'ring must be a KeyRing; without one the server seals');
  demand(isFunction(refresh) && isFunction(waitUntil) && isFunction(onEvent), 'refresh, waitUntil and onEvent must be functions');
  demand(typeof schema === 'string' && schema !== '' && !schema.includes('\0'), 'schema must be the name of a schema');
  demand(ipHash === 'keyed' || ipHash === 'sha256', "ipHash must be 'keyed' or 'sha256'");
  demand(onBadAddress === 'drop' || onBadAddress === 'throw', "onBadAddress must be 'drop' or 'throw'");
  demand(isDuration(refreshTimeoutMs), 'refreshTimeoutMs must be a number above 0');
  demand(defaultLifetimeSeconds === undefined || isDuration(defaultLifetimeSeconds), 'defaultLifetimeSeconds must be a number above 0');
  return { db, ring, refresh, schema, ipHash, onBadAddress, refreshTimeoutMs, waitUntil, onEvent, defaultLifetime: defaultLifetimeSeconds };
}

/** Returns whether an argument can be read: it is not null and no revoked Proxy. */
function isReadable(value) {
  try {
    return value !== null && (typeof value !== 'object' || Object.getPrototypeOf(value) !== undefined);
  } catch {
    return false;
  }
}

/** Returns the same operations, which reject arguments that cannot be read. */
function refusing(made) {
  const refuse = (name, operation) => async (...given) => {
    if (!given.every(isReadable)) throw badArgument(`an argument of ${name} is null or cannot be read: leave it out, or pass an object`);
    return operation(...given);
  };
  return Object.fromEntries(Object.entries(made).map(([name, operation]) => [name, refuse(name, operation)]));
}

/** Returns the operations that do not exchange tokens. */
function operations(context) {
  const { logEvent } = events(context);
  const logRefusal = (userId, ip) => logEvent('login_refused', { userId, ip });
  return refusing({
    ...signingIn({ ...context, logRefusal }),
    ...sessions(context),
    ...users(context),
    ...tokens(context),
    logEvent,
  });
}

/** Returns the context that the operations of one client share. */
function contextOf(options, isTransaction) {
  const { onEvent } = options;
  const emit = (event) => {
    try {
      onEvent?.(event);
    } catch {
      // An exception of the listener does not disturb the operation.
    }
  };
  const context = { ...options, isTransaction, emit };
  Object.assign(context, runner(context));
  context.end = options.ring === undefined ? serverEnd(context) : clientEnd(context);
  return context;
}

/** Creates a client. It does nothing until it is called, and keeps no timer and no promise after its calls. */
export function createClient(options) {
  const given = checked(options);
  const context = contextOf(given, false);
  return {
    ...operations(context),
    ...refusing({
      ...checking(context),
      ...refreshing(context),
      ...(given.ring === undefined ? serverRotation(context) : rotation(context)),
    }),
    /** Returns the operations for a transaction of the caller, without exchanges, because a rollback would lose the response. */
    with(tx) {
      return operations(contextOf(checked({ ...options, db: tx }), true));
    },
  };
}
