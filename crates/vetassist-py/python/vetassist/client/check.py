"""Checks that the database fits this client: the tables, the rights of its role, and the rights of other roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable

from .. import SCHEMA_QUERY, SchemaDifference, check_schema
from .failure import bad_argument, failure
from .statement import quoted, run

if TYPE_CHECKING:
    from .context import Context
    from .effects import Step

# The functions that the client calls. Those of the first list have a sealed twin; the others need no key.
_SEALED = (
    "login",
    "store_tokens",
    "use_token",
    "claim_refreshes",
    "finish_refresh",
    "disconnect",
    "new_session",
    "log_event",
)
_CALLED = (
    "find_user",
    "user",
    "update_user",
    "erase_user",
    "fail_refresh",
    "token_status",
    "session",
    "extend_session",
    "list_sessions",
    "revoke_session",
    "revoke_session_by_id",
    "revoke_all_sessions",
    "purge_sessions",
    "known_keys",
    "note_key",
)


def _statement(names: str) -> str:
    # `SET LOCAL search_path` would need a transaction. So the outer row of a nested loop sets it: the inner side refers to
    # that row and cannot run before it, and the catalogs' functions read the setting when they run. Outside a transaction the
    # setting ends with the statement.
    catalogs = SCHEMA_QUERY.rstrip().rstrip(";").replace("$1::name", "asked.schema")
    of_schema = "(SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = $1::text::name)"
    return f"""SELECT pg_catalog.to_jsonb(now())::text AS asked_at, pg_catalog.to_jsonb(r)::text AS result
FROM (SELECT CASE WHEN pg_catalog.set_config('search_path', 'pg_catalog', true) IS NOT NULL
                   AND pg_catalog.set_config('quote_all_identifiers', 'off', true) IS NOT NULL
             THEN $1::text::name END AS schema OFFSET 0) AS asked
CROSS JOIN LATERAL (
{catalogs}
) AS r
UNION ALL
SELECT pg_catalog.to_jsonb(now())::text, pg_catalog.jsonb_build_object('object', f.name, 'attribute', NULL, 'value', CASE
        WHEN p.oid IS NULL THEN 'missing' ELSE 'no right to execute' END)::text
FROM pg_catalog.unnest(ARRAY[{names}]) AS f (name)
LEFT JOIN pg_catalog.pg_proc AS p ON p.proname = f.name AND p.pronamespace = {of_schema}
WHERE p.oid IS NULL OR NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
    OR NOT pg_catalog.has_schema_privilege(p.pronamespace, 'USAGE')
UNION ALL
SELECT pg_catalog.to_jsonb(now())::text,
       pg_catalog.jsonb_build_object('object', g.object, 'attribute', NULL, 'value', g.privileges, 'role', g.role)::text
FROM (
    SELECT o.object, coalesce(r.rolname, 'PUBLIC')::text AS role,
           pg_catalog.string_agg(DISTINCT a.privilege_type, ', ') AS privileges
    FROM (
        SELECT c.relname::text, c.relacl, c.relowner FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = {of_schema} AND pg_catalog.starts_with(c.relname::text, 'vetassist_') AND c.relkind IN ('r', 'S')
        UNION ALL
        SELECT 'function ' || p.proname, p.proacl, p.proowner FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = {of_schema} AND p.proname = ANY (ARRAY[{names}])
    ) AS o (object, acl, owner)
    CROSS JOIN LATERAL pg_catalog.aclexplode(o.acl) AS a
    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = a.grantee
    WHERE a.grantee <> o.owner AND r.rolname IS DISTINCT FROM current_user AND r.rolname IS DISTINCT FROM 'vetassist_owner'
    GROUP BY 1, 2
) AS g"""


def _difference(row: dict[str, Any]) -> SchemaDifference:
    if row.get("role") is None:
        return SchemaDifference(f"function {row['object']}", row["value"], "executable by this role", None)
    return SchemaDifference(row["object"], f"rights of {row['role']}", None, row["value"])


def check(context: Context, *, allow_roles: Iterable[str] = ()) -> Step[None]:
    """Raises `ERR_DRIFTED`, with all `differences`, if the database does not fit this client.

    The tables may differ from their description, this role may lack a right, or a role that is not in `allow_roles` may have
    rights.
    """
    if isinstance(allow_roles, (str, bytes)) or not isinstance(allow_roles, Iterable):
        raise bad_argument("allow_roles must be a list of names")
    allowed = list(allow_roles)
    names = [f"vetassist_{name}{context.end.twin}" for name in _SEALED] + [f"vetassist_{name}" for name in _CALLED]
    statement = _statement(", ".join(f"'{name}'" for name in names))
    rows = [row.result for row in (yield from run(context, "check", statement, [context.schema], is_read=True))]
    found = check_schema([row for row in rows if row["attribute"] is not None])
    found += [_difference(row) for row in rows if row["attribute"] is None and row.get("role") not in allowed]
    if not found:
        return
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    first = f"{found[0].object}: {found[0].problem}{more}"
    raise failure(
        "ERR_DRIFTED", f"schema {quoted(context.schema)} differs from that of vetassist: {first}", differences=tuple(found)
    )
