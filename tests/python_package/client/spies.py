"""Databases that observe a client's statements or make them fail, for blocking and asynchronous drivers."""

from __future__ import annotations

from typing import Any, Callable, Optional

from kinds import BLOCKING, Kind


def between(
    kind: Kind,
    *,
    before: Optional[Callable[[str, Any], None]] = None,
    after: Optional[Callable[[str, Any], None]] = None,
) -> Any:
    """Makes a database that calls these functions around each statement. Their exceptions count as the driver's."""
    database = kind.database()

    class Blocking:
        def query(self, text: str, params: Any) -> Any:
            if before is not None:
                before(text, params)
            found = database.query(text, params)
            if after is not None:
                after(text, params)
            return found

    class Asynchronous:
        async def query(self, text: str, params: Any) -> Any:
            if before is not None:
                before(text, params)
            found = await database.query(text, params)
            if after is not None:
                after(text, params)
            return found

    return Blocking() if kind.name in BLOCKING else Asynchronous()


def failing(kind: Kind, make: Callable[[], Exception], times: int = 10**6) -> Any:
    """Makes a database whose next statements fail before they are executed."""
    left = [times]

    def fail(_text: str, _params: Any) -> None:
        if left[0] > 0:
            left[0] -= 1
            raise make()

    return between(kind, before=fail)
