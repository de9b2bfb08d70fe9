"""The comparison of a database with the tables that it must have."""

from __future__ import annotations

import dataclasses as _d
import typing as _t

from ._native import SCHEMA_QUERY, schema_differences as _differences

__all__ = ["SCHEMA_QUERY", "SchemaDifference", "check_schema"]


@_d.dataclass(frozen=True)
class SchemaDifference:
    """One way in which a database differs from the tables."""

    object: str
    """Names the table, column, key, index, sequence, trigger, rule or policy."""
    problem: str
    """Says ``missing``, ``extra``, ``duplicate``, or names the attribute that differs."""
    expected: _t.Optional[str]
    """Says what it should be, where it should be something."""
    found: _t.Optional[str]
    """Says what it is, where it is something."""


def check_schema(rows: _t.Sequence[object]) -> _t.List[SchemaDifference]:
    """Compares a database with the tables, as SQL's ``vetassist_check_schema()`` does.

    The database need not have the extension. ``rows`` is the list of what :data:`SCHEMA_QUERY` returned: tuples, or rows
    that have ``object``, ``attribute`` and ``value`` by name. An empty result means that they agree.
    """
    return [SchemaDifference(*difference) for difference in _differences(rows)]
