"""Names of the types of arguments, and the check of a type."""

from __future__ import annotations

import ipaddress as _ipaddress
import typing as _t
import uuid as _uuid

if _t.TYPE_CHECKING:
    from typing_extensions import TypeGuard

    from ._native import MasterKey

BytesLike = _t.Union[bytes, bytearray, memoryview]
"""Bytes. Anything but ``bytes`` is copied at the start of the call."""
MasterKeyLike = _t.Union["MasterKey", bytes, bytearray, memoryview, str]
"""A master key: an object, 32 bytes, or text of 64 hexadecimal digits."""
UserId = _t.Union[str, _uuid.UUID]
"""A user's id: text is a UUID in its hyphenated form of 36 characters."""
Address = _t.Union[str, _ipaddress.IPv4Address, _ipaddress.IPv6Address]
"""The address of one host."""
JsonValue = _t.Union[None, bool, int, float, str, _t.Sequence[_t.Any], _t.Mapping[str, _t.Any]]
"""Values of JSON. A sequence is a list or a tuple, a mapping is a dict, and their items are values of JSON too."""

_T = _t.TypeVar("_T")


def is_a(value: object, of: _t.Type[_T]) -> TypeGuard[_T]:
    """Returns true if the value is of this class, whatever its attribute ``__class__`` claims, which `isinstance` believes."""
    return issubclass(type(value), of)
