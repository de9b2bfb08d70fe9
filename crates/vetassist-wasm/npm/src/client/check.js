// Checks that the database fits this client: the tables, the rights of its role, and the rights of other roles.

import { checkSchema, schemaQuery } from '#vetassist';
import { failure } from './failure.js';
import { quoted } from './statement.js';

// The functions that the client calls. Those of the first list have a sealed twin; the others need no key.
const SEALED = ['login', 'store_tokens', 'use_token', 'claim_refreshes', 'finish_refresh', 'disconnect', 'new_session', 'log_event'];
const CALLED = [
  'find_user', 'user', 'update_user', 'erase_user', 'fail_refresh', 'token_status', 'session', 'extend_session', 'list_sessions',
  'revoke_session', 'revoke_session_by_id', 'revoke_all_sessions', 'purge_sessions', 'known_keys', 'note_key',
];

// `SET LOCAL search_path` would need a transaction. So the outer row of a nested loop sets it: the inner side refers to that
// row and cannot run before it, and the catalogs' functions read the setting when they run. Outside a transaction the setting
// ends with the statement.
const catalogs = (names) => `SELECT pg_catalog.to_jsonb(now())::text AS asked_at, pg_catalog.to_jsonb(r)::text AS result
FROM (SELECT CASE WHEN pg_catalog.set_config('search_path', 'pg_catalog', true) IS NOT NULL
                   AND pg_catalog.set_config('quote_all_identifiers', 'off', true) IS NOT NULL
             THEN $1::text::name END AS schema OFFSET 0) AS asked
CROSS JOIN LATERAL (
${schemaQuery.replaceAll('$1::name', 'asked.schema').replace(/;\s*$/, '')}
) AS r
UNION ALL
SELECT pg_catalog.to_jsonb(now())::text, pg_catalog.jsonb_build_object('object', f.name, 'attribute', NULL, 'value', CASE
        WHEN p.oid IS NULL THEN 'missing' ELSE 'no right to execute' END)::text
FROM pg_catalog.unnest(ARRAY[${names}]) AS f (name)
LEFT JOIN pg_catalog.pg_proc AS p
    ON p.proname = f.name AND p.pronamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = $1::text::name)
WHERE p.oid IS NULL OR NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
    OR NOT pg_catalog.has_schema_privilege(p.pronamespace, 'USAGE')
UNION ALL
SELECT pg_catalog.to_jsonb(now())::text, pg_catalog.jsonb_build_object('object', g.object, 'attribute', NULL, 'value', g.privileges, 'role', g.role)::text
FROM (
    SELECT o.object, coalesce(r.rolname, 'PUBLIC')::text AS role, pg_catalog.string_agg(DISTINCT a.privilege_type, ', ') AS privileges
    FROM (
        SELECT c.relname::text, c.relacl, c.relowner FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = $1::text::name)
          AND c.relname::text LIKE 'vetassist\\_%' AND c.relkind IN ('r', 'S')
        UNION ALL
        SELECT 'function ' || p.proname, p.proacl, p.proowner FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = $1::text::name)
          AND p.proname = ANY (ARRAY[${names}])
    ) AS o (object, acl, owner)
    CROSS JOIN LATERAL pg_catalog.aclexplode(o.acl) AS a
    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = a.grantee
    WHERE a.grantee <> o.owner AND r.rolname IS DISTINCT FROM current_user AND r.rolname IS DISTINCT FROM 'vetassist_owner'
    GROUP BY 1, 2
) AS g`;

export function checking({ schema, run, end }) {
  const names = [...SEALED.map((name) => `vetassist_${name}${end.twin}`), ...CALLED.map((name) => `vetassist_${name}`)];
  const text = catalogs(names.map((name) => `'${name}'`).join(', '));

  async function check({ allowRoles = [], signal } = {}) {
    const rows = (await run('check', text, [schema], { isRead: true, signal })).map(({ result }) => result);
    const found = [
      ...checkSchema(rows.filter(({ attribute }) => attribute !== null)),
      ...rows
        .filter(({ attribute }) => attribute === null)
        .filter(({ role }) => role === undefined || !allowRoles.includes(role))
        .map(({ object, value, role }) =>
          role === undefined
            ? { object: `function ${object}`, problem: value, expected: 'executable by this role', found: null }
            : { object, problem: `rights of ${role}`, expected: null, found: value },
        ),
    ];
    if (found.length === 0) return;
    const [{ object, problem }] = found;
    const more = found.length > 1 ? `, and ${found.length - 1} more` : '';
    throw failure('ERR_DRIFTED', `schema ${quoted(schema)} differs from that of vetassist: ${object}: ${problem}${more}`, { differences: found });
  }

  return { check };
}
