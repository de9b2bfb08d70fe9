"""State that the operations of one client share: its checked options, and the end that seals."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Callable, Optional

from .. import KeyRing
from .ends import End, ClientEnd, ServerEnd
from .failure import bad_argument
from .statement import LONGEST_SECONDS, is_number

if TYPE_CHECKING:
    from .models import ClientEvent, OnEvent


def is_duration(value: object) -> bool:
    """Returns whether a value is a number of seconds above 0 and of at most a hundred years."""
    return is_number(value) and 0 < value <= LONGEST_SECONDS  # type: ignore[operator]


def duration(value: float, name: str) -> float:
    if not is_duration(value):
        raise bad_argument(f"{name} must be a number above 0")
    return value


@dataclass(frozen=True)
class Context:
    """State that the operations of one client share. It refuses invalid options."""

    ring: Optional[KeyRing]
    refresh: Optional[Callable[..., Any]]
    schema: str
    ip_hash: str
    on_bad_address: str
    refresh_timeout_seconds: float
    default_lifetime_seconds: Optional[float]
    on_event: Optional[OnEvent]
    is_transaction: bool = False
    end: End = field(init=False)

    def __post_init__(self) -> None:
        def demand(holds: bool, message: str) -> None:
            if not holds:
                raise bad_argument(message)

        demand(
            self.ring is None or callable(getattr(self.ring, "encrypt_token", None)),
            "ring must be a KeyRing; without one the server seals",
        )
        demand(self.refresh is None or callable(self.refresh), "refresh must be a function")
        demand(self.on_event is None or callable(self.on_event), "on_event must be a function")
        demand(
            isinstance(self.schema, str) and self.schema != "" and "\0" not in self.schema,
            "schema must be the name of a schema",
        )
        demand(self.ip_hash in ("keyed", "sha256"), "ip_hash must be 'keyed' or 'sha256'")
        demand(self.on_bad_address in ("drop", "raise"), "on_bad_address must be 'drop' or 'raise'")
        demand(is_duration(self.refresh_timeout_seconds), "refresh_timeout_seconds must be a number above 0")
        demand(
            self.default_lifetime_seconds is None or is_duration(self.default_lifetime_seconds),
            "default_lifetime_seconds must be a number above 0",
        )
        # Each context has a new end, because what it learns of the database's keys must not be shared.
        end = ServerEnd() if self.ring is None else ClientEnd(self.ring, is_keyed=self.ip_hash == "keyed")
        object.__setattr__(self, "end", end)

    def emit(self, event: ClientEvent) -> None:
        if self.on_event is None:
            return
        try:
            self.on_event(event)
        except Exception:
            # An exception of the listener does not disturb the operation.
            pass

    def in_transaction(self) -> Context:
        """Returns a context for a transaction of the caller."""
        # A rollback undoes what the transaction stores about keys, so this context has an end of its own.
        return replace(self, is_transaction=True)
