"""Code that all drivers share: it writes statements for them, and reads their results."""

from __future__ import annotations

import re
from typing import Any, Iterable, Mapping, Optional, Sequence

from .failure import bad_argument

Params = Sequence[Optional[str]]
#: The time of the statement and the result, both as JSON.
Row = tuple[str, Optional[str]]

_PARAMETER = re.compile(r"\$(\d+)")


def for_psycopg(text: str, params: Params) -> tuple[str, dict[str, Optional[str]]]:
    """Returns a statement with the placeholders of psycopg and psycopg2."""
    named = _PARAMETER.sub(r"%(p\1)s", text.replace("%", "%%"))
    return named, {f"p{at}": param for at, param in enumerate(params, 1)}


def rows_of(found: Iterable[Any]) -> list[Row]:
    """Returns rows by the order of their columns, because a driver may be configured to return other row types."""
    rows = []
    for row in found:
        asked, result = row.values() if isinstance(row, Mapping) else row
        rows.append((asked, result))
    return rows


def in_transaction() -> Exception:
    return bad_argument(
        "the connection is in a transaction: give the client a pool, or call within(connection) for this one"
    )


def no_transaction() -> Exception:
    return bad_argument("the connection is in no transaction, so each statement would be committed: begin one first")


def unknown(what: str, takes: str) -> Exception:
    return bad_argument(f"{what} must be {takes}, or an object with a query function")
