"""State that the operations of one client share: its options, checked, and the end that seals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Callable, Optional

from .. import KeyRing
from .ends import End, HereEnd, ServerEnd
from .failure import bad_argument
from .statement import is_number

if TYPE_CHECKING:
    from .models import ClientEvent, OnEvent

# A hundred years. No token and no session lives as long.
LONGEST_SECONDS = 3_155_760_000


def is_duration(value: object) -> bool:
    """Tells whether a value is a number above 0 of at most a hundred years of seconds."""
    return is_number(value) and 0 < value <= LONGEST_SECONDS  # type: ignore[operator]


def duration(value: float, name: str) -> float:
    if not is_duration(value):
        raise bad_argument(f"{name} must be a number above 0")
    return value


@dataclass(frozen=True)
class Context:
    """State that the operations of one client share."""

    ring: Optional[KeyRing]
    refresh: Optional[Callable[..., Any]]
    schema: str
    ip_hash: str
    on_bad_address: str
    refresh_timeout_seconds: float
    default_lifetime_seconds: Optional[float]
    on_event: Optional[OnEvent]
    is_transaction: bool
    end: End

    def tell(self, event: ClientEvent) -> None:
        if self.on_event is None:
            return
        try:
            self.on_event(event)
        except Exception:
            # Whoever listens does not disturb what happens.
            pass

    def in_transaction(self) -> Context:
        """Returns the same for a transaction of the caller's."""
        # A rollback undoes what it learns of the database's keys, so it learns on its own.
        return replace(self, is_transaction=True, end=_end_of(self.ring, self.ip_hash))


def _end_of(ring: Optional[KeyRing], ip_hash: str) -> End:
    return ServerEnd() if ring is None else HereEnd(ring, is_keyed=ip_hash == "keyed")


def context_of(
    *,
    ring: Optional[KeyRing],
    refresh: Optional[Callable[..., Any]],
    schema: str,
    ip_hash: str,
    on_bad_address: str,
    refresh_timeout_seconds: float,
    default_lifetime_seconds: Optional[float],
    on_event: Optional[OnEvent],
) -> Context:
    """Returns a client's options, and refuses what cannot be one."""

    def demand(holds: bool, message: str) -> None:
        if not holds:
            raise bad_argument(message)

    demand(
        ring is None or callable(getattr(ring, "encrypt_token", None)),
        "ring must be a KeyRing; without one the server seals",
    )
    demand(refresh is None or callable(refresh), "refresh must be a function")
    demand(on_event is None or callable(on_event), "on_event must be a function")
    demand(isinstance(schema, str) and schema != "" and "\0" not in schema, "schema must be the name of one")
    demand(ip_hash in ("keyed", "sha256"), "ip_hash must be 'keyed' or 'sha256'")
    demand(on_bad_address in ("drop", "raise"), "on_bad_address must be 'drop' or 'raise'")
    demand(is_duration(refresh_timeout_seconds), "refresh_timeout_seconds must be a number above 0")
    demand(
        default_lifetime_seconds is None or is_duration(default_lifetime_seconds),
        "default_lifetime_seconds must be a number above 0",
    )
    return Context(
        ring=ring,
        refresh=refresh,
        schema=schema,
        ip_hash=ip_hash,
        on_bad_address=on_bad_address,
        refresh_timeout_seconds=refresh_timeout_seconds,
        default_lifetime_seconds=default_lifetime_seconds,
        on_event=on_event,
        is_transaction=False,
        end=_end_of(ring, ip_hash),
    )
