"""Compares a database with the description of the tables."""

from __future__ import annotations

import dataclasses as _d
import typing as _t

from ._native import SCHEMA_QUERY, schema_differences as _differences

__all__ = ["SCHEMA_QUERY", "SchemaDifference", "check_schema"]


@_d.dataclass(frozen=True)
class SchemaDifference:
    """A difference between a database and the description of the tables."""

    object: str
    """The name of the table, column, key, index, sequence, trigger, rule or policy."""
    problem: str
    """``missing``, ``extra``, ``duplicate``, or the attribute that differs."""
    expected: _t.Optional[str]
    """The expected value, if there is one."""
    found: _t.Optional[str]
    """The value that was found, if there is one."""


def check_schema(rows: _t.Sequence[object]) -> _t.List[SchemaDifference]:
    """Compares a database with the description of the tables, as SQL's ``vetassist_check_schema()`` does.

    The database need not have the extension. ``rows`` is the list of the rows of :data:`SCHEMA_QUERY`: tuples, or rows that
    have ``object``, ``attribute`` and ``value`` by name. Returns an empty list if they agree.

    ``$1`` of the query is the schema of the tables: ``await connection.fetch(SCHEMA_QUERY, "public")`` with asyncpg, a
    ``RawCursor`` with psycopg. For the placeholders of psycopg and psycopg2:
    ``SCHEMA_QUERY.replace("%", "%%").replace("$1", "%(schema)s")``.
    """
    return [SchemaDifference(*difference) for difference in _differences(rows)]
