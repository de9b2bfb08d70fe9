"""The address of a request's client, out of the headers in which proxies write it."""

from __future__ import annotations

import re
from typing import Optional

from .. import InvalidValueError, hash_ip
from .failure import bad_argument

# RFC 7239 section 4, with the quoted strings and tokens of RFC 9110.
_PAIR = re.compile(
    r"""[\t ]*(?:([!#$%&'*+.^_`|~\w-]+)=([!#$%&'*+.^_`|~\w-]+|"(?:[^"\\]|\\.)*"))?[\t ]*""", re.ASCII
)
_HOST = re.compile(r"(?:\[([^\]]*)\]|([\d.]+))(?::(?:\d{1,5}|_[\w.-]+))?", re.ASCII)


def _forwarded(value: str) -> Optional[list[Optional[str]]]:
    """Returns the `for` of each element of a Forwarded header: None where it has none. None if the header is malformed."""
    found: list[Optional[str]] = []
    element: dict[str, str] = {}
    at = 0
    while at <= len(value):
        pair = _PAIR.match(value, at)
        if pair is None:
            return None
        name, given = pair.groups()
        if name is not None:
            # A parameter occurs once.
            if name.lower() in element:
                return None
            element[name.lower()] = re.sub(r"\\(.)", r"\1", given[1:-1]) if given.startswith('"') else given
        at = pair.end()
        if at == len(value) or value[at] == ",":
            if element:
                found.append(_node_of(element))
            element = {}
        elif value[at] != ";":
            return None
        at += 1
    return found


def _node_of(element: dict[str, str]) -> Optional[str]:
    """Returns whom an element of a Forwarded header names. An IPv6 address stands in brackets there."""
    node = element.get("for")
    return None if node is None or re.match(r"[^[].*:.*:", node) else node


def _host(node: str) -> Optional[str]:
    """Returns the address of a node, without its port: None for an unknown or hidden one."""
    found = _HOST.fullmatch(node)
    bracketed, plain = found.groups() if found else (None, node)
    if bracketed is not None and ":" not in bracketed:
        return None
    address: str = plain if bracketed is None else bracketed
    try:
        hash_ip(address)
    except InvalidValueError:
        return None
    return address


def address_of(value: Optional[str], *, trusted_hops: int = 1) -> Optional[str]:
    """Returns the one address of a request's client out of a header.

    None where the header is absent or malformed, has fewer entries than `trusted_hops`, or names no address there.

    Args:
        value: The value of `X-Forwarded-For`, `Forwarded` (RFC 7239), `CF-Connecting-IP`, `X-Real-IP` or the like. Ports and
            brackets are left out.
        trusted_hops: How many proxies that you trust stand before the service. Each adds at the end whom it was called by, so
            the address is that many entries from the end; what stands before is anybody's word. With 0 nobody is trusted.
    """
    if not isinstance(trusted_hops, int) or isinstance(trusted_hops, bool) or trusted_hops < 0:
        raise bad_argument("trusted_hops must be an int, 0 or more")
    if value is None:
        return None
    if not isinstance(value, str):
        raise bad_argument("the header must be a str")
    # No address has an equals sign in it, and each element of a Forwarded header has.
    nodes: Optional[list[Optional[str]]]
    if "=" in value:
        nodes = _forwarded(value)
    else:
        nodes = [part.strip() for part in value.split(",") if part.strip()]
    if not nodes or trusted_hops == 0 or len(nodes) < trusted_hops:
        return None
    node = nodes[-trusted_hops]
    return None if node is None else _host(node)
