// Tests comparing schemas and parsing rows, in every runtime. Part of the conformance tests.

const ID = '1bb044aa-ded1-40c7-8a88-433e74903f95';
const TIME = new Date('2026-03-01T12:34:56.789Z');

const ROWS = {
  parseUser: {
    id: ID,
    va_icn: '1012667145V762142',
    va_veteran_status: 'confirmed',
    email: 'j\u00f6rg@example.com',
    first_name: 'J\u00f6rg',
    last_name: '\u6771',
    is_active: true,
    created_at: TIME,
    updated_at: TIME,
    last_login_at: TIME,
  },
  parseVaToken: {
    id: ID,
    user_id: ID,
    access_token_encrypted: new Uint8Array(28).fill(7),
    refresh_token_encrypted: new Uint8Array(4096).fill(9),
    token_type: 'Bearer',
    scope: 'openid profile',
    expires_at: TIME,
    created_at: TIME,
    refreshed_at: TIME,
  },
  parseSession: {
    id: ID,
    user_id: ID,
    jwt_id: 'jti',
    device_info: { agent: 'x', list: [1, null, 'y'] },
    created_at: TIME,
    expires_at: TIME,
    revoked_at: TIME,
  },
  parseAuthAudit: {
    id: '9223372036854775807',
    user_id: ID,
    event_type: 'login',
    event_data: ['anything'],
    ip_hash: 'a'.repeat(64),
    created_at: TIME,
  },
};

// Columns that must not be NULL, besides `id`.
const REQUIRED = ['user_id', 'access_token_encrypted', 'expires_at', 'jwt_id', 'event_type'];

// Other forms of the same value, by column.
const FORMS = {
  id: (value) => [value.toUpperCase()],
  access_token_encrypted: (bytes) => [
    bytes.buffer,
    `\\x${'07'.repeat(28)}`,
    new Uint8Array([1, ...bytes, 1]).subarray(1, -1),
  ],
  created_at: () => [
    '2026-03-01 12:34:56.789+00',
    '2026-03-01 12:34:56.789999+00',
    '2026-03-01T12:34:56.789Z',
    '2026-03-01 18:04:56.789+05:30',
    '2026-03-01 04:34:56.789-08',
  ],
};

// Wrong values of the columns of each kind.
const WRONG = {
  id: ['', 'x', `${ID}0`, ID.replaceAll('-', ''), 5, new Date(), {}, Number.NaN, 1.5, 2 ** 53],
  email: [5, true, {}, new Date(), new Uint8Array(3)],
  is_active: ['t', 'true', 1, 0, {}],
  created_at: [Infinity, 'infinity', '-infinity', '2026-03-01', '2026-03-01 12:34:56', 'x', new Date(NaN), 5, {}, '2026-13-01 00:00:00+00'],
  access_token_encrypted: [new Uint8Array(27), '\\x00', '\\x0', 'x', [1, 2], 5, {}, new Uint16Array(40)],
  ip_hash: ['A'.repeat(64), 'a'.repeat(63), '203.0.113.7', 5],
  device_info: [() => {}, Symbol('x'), 5n],
};

function same(cases, found, expected, what) {
  if (expected instanceof Date) {
    cases.equal(found instanceof Date && +found, +expected, what);
  } else if (expected instanceof Uint8Array) {
    cases.same(found, expected, what);
  } else {
    cases.equal(JSON.stringify(found), JSON.stringify(expected), what);
  }
}

function parsesRows(cases) {
  for (const [name, row] of Object.entries(ROWS)) {
    const parse = cases.api[name];
    const parsed = parse({ ...row, something_else: 1 });
    cases.equal(Object.keys(parsed).join(), Object.keys(row).join(), `${name}: the columns`);
    for (const [column, value] of Object.entries(row)) {
      const what = `${name}: ${column}`;
      same(cases, parsed[column], value, what);
      const forms = name === 'parseAuthAudit' && column === 'id' ? [9223372036854775807n] : (FORMS[column]?.(value) ?? []);
      for (const form of forms) same(cases, parse({ ...row, [column]: form })[column], value, what);
      const { [column]: _, ...without } = row;
      cases.refuses('ERR_INVALID_ROW', `${what} missing`, () => parse(without));
      const required = column === 'id' || (REQUIRED.includes(column) && name !== 'parseAuthAudit') || column === 'event_type';
      if (required) {
        cases.refuses('ERR_INVALID_ROW', `${what} null`, () => parse({ ...row, [column]: null }));
      } else {
        cases.equal(parse({ ...row, [column]: null })[column], null, `${what} null`);
      }
      for (const wrong of WRONG[column] ?? []) {
        if (column === 'id' && name === 'parseAuthAudit' && wrong === 5) continue;
        cases.refuses('ERR_INVALID_ROW', `${what} wrong`, () => parse({ ...row, [column]: wrong }));
      }
    }
    const bytes = row.access_token_encrypted;
    if (bytes !== undefined) {
      const copy = parse(row).access_token_encrypted;
      cases.equal(copy.buffer !== bytes.buffer, true, 'parsed bytes are a copy');
    }
    for (const wrong of [undefined, null, 5, 'row']) {
      cases.refuses('ERR_INVALID_ARG_TYPE', `${name}(${wrong})`, () => parse(wrong));
    }
    cases.refuses('ERR_INVALID_ROW', `${name}([])`, () => parse([]));
    // An error names the column, and does not hold its value.
    try {
      parse({ ...row, created_at: 'a secret' });
    } catch ({ message }) {
      cases.equal(/vetassist_\w+\.created_at/.test(message) && !message.includes('secret'), true, message);
    }
  }
  cases.equal(cases.api.parseAuthAudit({ ...ROWS.parseAuthAudit, id: 7 }).id, '7', 'a number');
}

const row = ([object, attribute, value]) => ({ object, attribute, value });
const text = (difference) => JSON.stringify(Object.values(difference));

function comparesSchemas(cases, { agreeing, drifts }) {
  const { checkSchema, schemaQuery } = cases.api;
  cases.equal(/^WITH \w+( \(\w+\))? AS [^]*\$1[^]*WHERE value IS NOT NULL\s*$/.test(schemaQuery), true, 'the query');
  cases.equal(checkSchema(agreeing.map(row)).length, 0, 'equal tables');
  for (const { change, without, with: more, differences } of drifts) {
    const gone = new Set(without.map(String));
    // The rows are sorted like those of the vectors, so the differences have the same order.
    const rows = [...agreeing.filter((fields) => !gone.has(String(fields))), ...more];
    const keyed = rows.map((fields) => [fields.join('\0'), fields]).sort(([a], [b]) => (a < b ? -1 : 1));
    const found = checkSchema(keyed.map(([, fields]) => row(fields)));
    cases.equal(found.map(text).join('\n'), differences.map(text).join('\n'), change);
    cases.equal(found.length, differences.length, change);
    if (found.length > 0) cases.equal(Object.keys(found[0]).join(), 'object,problem,expected,found', change);
  }
  cases.equal(checkSchema([]).length, 13, 'an empty database');
  const comment = 'J\u00f6rg \u6771 \u{1f985}';
  const changed = agreeing.map(row).map((fact) => (fact.attribute === 'comment' ? { ...fact, value: comment } : fact));
  cases.equal(checkSchema(changed).every(({ found }) => found === comment), true, 'other text than ASCII');
  for (const wrong of [undefined, null, 5, 'rows', {}, { rows: [] }, new Set()]) {
    cases.refuses('ERR_INVALID_ARG_TYPE', `checkSchema(${wrong})`, () => checkSchema(wrong));
  }
  for (const wrong of [null, undefined, 5, [], ['a', 'b', 'c'], { object: 'a', attribute: 'b' }, { object: 'a\0', attribute: 'b', value: 'c' }]) {
    cases.refuses('ERR_INVALID_ROW', `checkSchema([${wrong}])`, () => checkSchema([wrong]));
  }
  cases.refuses('ERR_INVALID_ROW', 'a hole', () => checkSchema([,]));
  cases.equal(checkSchema(agreeing.map(row)).length, 0, 'after refusals');
}

export function rowsAndSchemas(cases, vectors) {
  comparesSchemas(cases, vectors.schema);
  parsesRows(cases);
}
