// The client: its options, and the operations that it has.

import { checking } from './check.js';
import { hereEnd, serverEnd } from './ends.js';
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

/** Returns options with their defaults, and refuses what cannot be one. */
function checked(options) {
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

/** Makes the operations that need no exchange. */
function operations(context) {
  const { logEvent } = events(context);
  const logRefusal = (userId, ip) => logEvent('login_refused', { userId, ip });
  return {
    ...signingIn({ ...context, logRefusal }),
    ...sessions(context),
    ...users(context),
    ...tokens(context),
    logEvent,
  };
}

/** Makes what the operations of one client share. */
function contextOf(options, isTransaction) {
  const { onEvent } = options;
  const tell = (event) => {
    try {
      onEvent?.(event);
    } catch {
      // Whoever listens does not disturb what happens.
    }
  };
  const context = { ...options, isTransaction, tell };
  Object.assign(context, runner(context));
  context.end = options.ring === undefined ? serverEnd(context) : hereEnd(context);
  return context;
}

/** Makes a client. It does nothing until it is called, and keeps nothing between calls that end. */
export function createClient(options) {
  const given = checked(options);
  const context = contextOf(given, false);
  return {
    ...operations(context),
    ...checking(context),
    ...refreshing(context),
    ...(given.ring === undefined ? serverRotation(context) : rotation(context)),
    /** The same in a transaction of the caller's. Nothing is exchanged there: a rollback would lose the answer. */
    with(tx) {
      return operations(contextOf(checked({ ...options, db: tx }), true));
    },
  };
}
