"""Assertions for the tests of the clients."""

from __future__ import annotations

from typing import Any, Awaitable

import vetassist

_OF_A_DRIVER = ("detail", "where", "hint", "diag", "pgcode", "query", "cursor", "pgresult")


async def raises(code: str, call: Awaitable[Any], **more: Any) -> Any:
    """Returns the error of a call, which has this code and nothing of the driver's."""
    try:
        found = await call
    except vetassist.VetassistError as error:
        raised = error
    else:
        raise AssertionError(f"it returned {found!r}, and should have raised {code}")
    assert raised.code == code, repr(raised)
    for name, value in more.items():
        assert getattr(raised, name) == value, (name, getattr(raised, name), repr(raised))
    for name in _OF_A_DRIVER:
        assert not hasattr(raised, name), name
    # Those who report errors walk along these, and the driver's error would be there.
    seen: list[BaseException] = [raised]
    while (earlier := seen[-1].__cause__ or seen[-1].__context__) is not None and len(seen) < 10:
        assert type(earlier).__module__.split(".")[0] not in ("asyncpg", "psycopg", "psycopg2", "psycopg_pool"), repr(
            earlier
        )
        seen.append(earlier)
    return raised
