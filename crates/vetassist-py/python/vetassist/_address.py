"""The address of a request's client, from the headers that proxies write."""

from __future__ import annotations

import re as _re
import typing as _t

from ._errors import VetassistError as _VetassistError, error as _error, wrong_type as _wrong_type
from ._native import hash_ip as _hash_ip
from ._types import is_a as _is_a

__all__ = ["address_of"]

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# RFC 7239 section 4, with the quoted strings and tokens of RFC 9110.
_PAIR = _re.compile(rf'[\t ]*(?:({_TOKEN})=({_TOKEN}|"(?:[^"\\]|\\.)*"))?[\t ]*', _re.DOTALL)
_HOST = _re.compile(r"(?:\[([^\]]*)\]|([0-9.]+))(?::(?:[0-9]{1,5}|_[0-9A-Za-z_.-]+))?")


def _forwarded(value: str) -> _t.Optional[_t.List[_t.Optional[str]]]:
    """Returns the ``for`` of each element of a Forwarded header, or None if the header is malformed."""
    found: _t.List[_t.Optional[str]] = []
    element: _t.Dict[str, str] = {}
    at = 0
    while at <= len(value):
        pair = _PAIR.match(value, at)
        if pair is None:
            return None
        name, given = pair.groups()
        if name is not None:
            # A parameter must occur only once.
            if name.lower() in element:
                return None
            if given.startswith('"'):
                given = _re.sub(r"\\(.)", r"\1", given[1:-1], flags=_re.DOTALL)
            element[name.lower()] = given
        at = pair.end()
        if at == len(value) or value[at] == ",":
            if element:
                found.append(_node_of(element))
            element = {}
        elif value[at] != ";":
            return None
        at += 1
    return found


def _node_of(element: _t.Dict[str, str]) -> _t.Optional[str]:
    """Returns the node that an element of a Forwarded header names. An IPv6 address must be in brackets there."""
    node = element.get("for")
    return None if node is None or (not node.startswith("[") and node.count(":") > 1) else node


def _host(node: str) -> _t.Optional[str]:
    """Returns the address of a node, without its port: None for an unknown or hidden one."""
    found = _HOST.fullmatch(node)
    bracketed, plain = found.groups() if found else (None, node)
    if bracketed is not None and ":" not in bracketed:
        return None
    address: str = plain if bracketed is None else bracketed
    try:
        _hash_ip(address)
    except _VetassistError as refused:
        if refused.code not in ("ERR_INVALID_ADDRESS", "ERR_INVALID_TEXT"):
            raise
        return None
    return address


def address_of(value: _t.Optional[str], trusted_hops: int = 1) -> _t.Optional[str]:
    """Returns the address of a request's client from a header, without its port, or None.

    Returns None if the header is missing or malformed, has fewer entries than ``trusted_hops``, or has no address there
    (``unknown``, a hidden name).

    ``value`` is the value of ``X-Forwarded-For``, ``Forwarded`` (RFC 7239), ``CF-Connecting-IP``, ``X-Real-IP`` or the like.
    ``trusted_hops`` is the number of proxies before the service that you trust. Each proxy appends the address of its
    caller, so the address is that many entries from the end. The client can forge everything before it. With 0 no proxy is
    trusted, and the result is None.
    """
    # Subclasses may have methods of their own, so their values are taken first.
    hops = int.__int__(trusted_hops) if _is_a(trusted_hops, int) and not _is_a(trusted_hops, bool) else -1
    if hops < 0:
        raise _error("ERR_INVALID_ARG_TYPE", "trusted_hops must be a whole number, 0 or more")
    if value is None:
        return None
    if not _is_a(value, str):
        raise _wrong_type("the header", "a str", value)
    value = str.__str__(value)
    # HTTP has only these blanks.
    parts: _t.List[_t.Optional[str]] = [part for part in (part.strip("\t ") for part in value.split(",")) if part]
    # The last element decides, because a proxy wrote it. In a Forwarded header it has an equals sign, or is the end of a quoted
    # string. An address has neither.
    nodes = _forwarded(value) if parts and _re.search('[="]', parts[-1] or "") else parts
    # Each proxy appends the address of its caller. The client can forge everything before these addresses.
    if not nodes or not 0 < hops <= len(nodes):
        return None
    node = nodes[-hops]
    return None if node is None else _host(node)
