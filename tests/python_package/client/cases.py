"""Assertions for the tests of the clients."""

from __future__ import annotations

from typing import Any, Awaitable

import vetassist

_OF_A_DRIVER = ("detail", "where", "hint", "diag", "pgcode", "query", "cursor", "pgresult")


async def raises(code: str, call: Awaitable[Any], **more: Any) -> Any:
    """Asserts that a call raises this code without the driver's details, and returns the error."""
    try:
        found = await call
    except vetassist.VetassistError as error:
        raised = error
    else:
        raise AssertionError(f"the call returned {found!r} instead of raising {code}")
    assert raised.code == code, repr(raised)
    for name, value in more.items():
        assert getattr(raised, name) == value, (name, getattr(raised, name), repr(raised))
    for name in _OF_A_DRIVER:
        assert not hasattr(raised, name), name
    # Error reporters follow the chain of causes, so it must not contain the driver's error.
    seen: list[BaseException] = [raised]
    while (earlier := seen[-1].__cause__ or seen[-1].__context__) is not None and len(seen) < 10:
        assert type(earlier).__module__.split(".")[0] not in ("asyncpg", "psycopg", "psycopg2", "psycopg_pool"), repr(
            earlier
        )
        seen.append(earlier)
    return raised
