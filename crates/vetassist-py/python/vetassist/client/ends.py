"""The two ends that can seal tokens and hash addresses: the client, with a ring, or the server. All else is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Protocol

from .. import KeyRing, OpenError, VetassistError, hash_device, hash_ip, hash_ip_keyed
from .known_keys import Keys, KnownKeys, NoKeys
from .models import BadAddressEvent
from .statement import Address, Argument, boolean, bytea, bytes_of, inet, jsonb, text

if TYPE_CHECKING:
    from uuid import UUID

    from .._types import JsonValue
    from .context import Context


class End(Protocol):
    """The end that seals tokens."""

    #: The ending of the names of the SQL functions that this end calls.
    twin: str
    keys: Keys

    def token(self, value: Optional[str], user_id: Optional[UUID]) -> Argument:
        """Returns the parameter for a token."""
        ...

    def open(self, stored: Optional[str], user_id: UUID) -> Optional[str]:
        """Returns the opened token; None if there is none, or if no key of the ring opens it."""
        ...

    def address(self, context: Context, ip: Optional[Address], operation: str) -> dict[str, Argument]:
        """Returns the parameters for an address."""
        ...

    def metadata(self, value: JsonValue, name: str) -> Argument:
        """Returns the parameter for metadata, whose addresses are hashed. None is left out."""
        ...


def _address_or_nothing(context: Context, ip: Optional[Address], operation: str) -> Optional[Address]:
    """Returns the address, or None if it is malformed, so that a sign-in does not fail because of a header."""
    if ip is None:
        return None
    try:
        hash_ip(ip)
    except VetassistError:
        if context.on_bad_address == "raise":
            raise
        context.emit(BadAddressEvent(operation))
        return None
    return ip


class ClientEnd:
    """Seals in this client: the database gets sealed tokens and hashes."""

    twin = "_sealed"

    def __init__(self, ring: KeyRing, *, is_keyed: bool) -> None:
        self._ring = ring
        self._is_keyed = is_keyed
        self.keys: Keys = KnownKeys(ring)

    def token(self, value: Optional[str], user_id: Optional[UUID]) -> Argument:
        return bytea(None if value is None else self._ring.encrypt_token(value, str(user_id)))

    def open(self, stored: Optional[str], user_id: UUID) -> Optional[str]:
        sealed = bytes_of(stored)
        if sealed is None:
            return None
        try:
            token = self._ring.decrypt_token(sealed, str(user_id))
        except OpenError:
            return None
        self.keys.accept()
        return token

    def address(self, context: Context, ip: Optional[Address], operation: str) -> dict[str, Argument]:
        address = _address_or_nothing(context, ip, operation)
        if address is None:
            hashed = None
        else:
            hashed = hash_ip_keyed(address, self._ring) if self._is_keyed else hash_ip(address)
        return {"ip_hash": text(hashed), "ip_hash_is_keyed": boolean(self._is_keyed)}

    def metadata(self, value: JsonValue, name: str) -> Argument:
        # The value is first converted to JSON, so that both ends refuse the same values.
        written = jsonb(value, name)
        if written.value is None:
            return written
        return jsonb(hash_device(value, self._ring if self._is_keyed else None), name)


class ServerEnd:
    """Lets the server seal: it gets tokens and addresses in the clear."""

    twin = ""

    def __init__(self) -> None:
        self.keys: Keys = NoKeys()

    def token(self, value: Optional[str], user_id: Optional[UUID]) -> Argument:
        return text(value, "a token")

    def open(self, stored: Optional[str], user_id: UUID) -> Optional[str]:
        return stored

    def address(self, context: Context, ip: Optional[Address], operation: str) -> dict[str, Argument]:
        address = _address_or_nothing(context, ip, operation)
        return {"ip": inet(None if address is None else str(address))}

    def metadata(self, value: JsonValue, name: str) -> Argument:
        return jsonb(value, name)
