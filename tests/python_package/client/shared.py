"""The state that all parts of the service share."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any

from databases import Database
from kinds import Kind
from provider import Provider

NO_USER = uuid.UUID(int=7)


def icn() -> str:
    return f"ICN {uuid.uuid4().hex[:30]}"


def ahead(when: datetime) -> float:
    return (when - datetime.now(timezone.utc)).total_seconds()


class Service:
    """State that the parts of the service share."""

    def __init__(self, kind: Kind, database: Database, options: dict[str, Any]) -> None:
        self.kind = kind
        self.database = database
        self.options = options
        self.is_sealed_here = "ring" in options
        self.is_keyed = self.is_sealed_here
        self.va = Provider()
        self.told: list[Any] = []
        self.client = self.other(refresh=self.va.refresh, on_event=self.told.append)

    def other(self, **more: Any) -> Any:
        """Makes another client, with other options."""
        return self.kind.client(**{**self.options, **more})

    async def sign_in(self, client: Any = None, **more: Any) -> Any:
        given = {"va_icn": icn(), "tokens": self.va.issue(), "session_seconds": 3600, "ip": "203.0.113.7", **more}
        return await (client or self.client).sign_in(given.pop("va_icn"), given.pop("tokens"), **given)
