// Reads a connection in the format of libpq: a URL or a list of settings.

const URL = /^postgres(?:ql)?:\/\/(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s;
const SETTING = /\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))\s*/sy;
const HOST = /^(?:\[(.*)\]|([^:]*))(?::(\d*))?$/;

/** Reads the settings of a URL. */
function ofUrl([, credentials = '', hosts, dbname, query]) {
  const decoded = decodeURIComponent;
  const [user, ...password] = credentials.split(':');
  const places = hosts.split(',').map((place) => HOST.exec(place).slice(1));
  const given = {
    user: decoded(user),
    password: decoded(password.join(':')),
    host: places.map(([v6, name]) => decoded(v6 ?? name)).join(','),
    port: places.map(([, , port = '']) => port).join(','),
    dbname: decoded(dbname ?? ''),
  };
  const settings = Object.entries(given).filter(([, value]) => /[^,]/.test(value));
  const more = query ? query.split('&').map((pair) => /^(.*?)=(.*)$/s.exec(pair).slice(1).map(decoded)) : [];
  return [...settings, ...more];
}

/** Reads a list of settings. */
function ofList(text) {
  const settings = [];
  SETTING.lastIndex = 0;
  while (SETTING.lastIndex < text.length) {
    // This throws if the text is not a list of settings.
    const [, name, quoted, bare] = SETTING.exec(text);
    settings.push([name, (quoted ?? bare).replaceAll(/\\(.)/gs, '$1')]);
  }
  return settings;
}

const PARSERS = {
  user: (user) => ({ user }),
  password: (password) => ({ password }),
  dbname: (database) => ({ database }),
  options: (options) => ({ options }),
  host: (hosts) => ({ hosts: hosts.split(',') }),
  port: (ports) => ({ ports: ports.split(',').map((port) => (port === '' ? undefined : number(port))) }),
  sslmode: (sslmode) => ({ sslmode: oneOf(sslmode, ['disable', 'prefer', 'require']) }),
  connect_timeout: (seconds) => ({ connectionTimeoutMillis: 1000 * number(seconds) }),
  target_session_attrs: (which) => ({ isWritable: oneOf(which, ['any', 'read-write']) === 'read-write' }),
  keepalives: (yes) => ({ keepAlive: number(yes) !== 0 }),
  // The command sets its own name.
  application_name: () => ({}),
};

function number(text) {
  if (!/^\d+$/.test(text)) throw new Error('not a number');
  return Number(text);
}

function oneOf(text, words) {
  if (!words.includes(text)) throw new Error('not one of them');
  return text;
}

/** Returns the settings for node-postgres, and the servers in the order in which they are tried. */
export function parse(text) {
  try {
    const url = URL.exec(text);
    const read = (url ? ofUrl(url) : ofList(text)).map(([name, value]) => PARSERS[name](value));
    const { hosts = [undefined], ports = [], sslmode = 'prefer', ...settings } = Object.assign({ keepAlive: true }, ...read);
    // A single port applies to all hosts.
    const servers = hosts.map((host, place) => ({ host: host || undefined, port: ports.length === 1 ? ports[0] : ports[place] }));
    return { ...settings, hosts: servers, sslmode };
  } catch {
    // The error does not quote the text, because it may contain a password.
    throw new Error('the connection is neither a URL nor a list of settings');
  }
}
