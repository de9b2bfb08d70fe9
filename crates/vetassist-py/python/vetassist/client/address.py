"""The address of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Optional, Protocol, Union

from .. import address_of
from .failure import bad_argument


@dataclass(frozen=True)
class ForwardedFor:
    """Reads `X-Forwarded-For`, behind so many proxies that you trust."""

    trusted_hops: int


@dataclass(frozen=True)
class Forwarded:
    """Reads `Forwarded` (RFC 7239), behind so many proxies that you trust."""

    trusted_hops: int


class Headers(Protocol):
    """Headers of a request, in the types of the frameworks."""

    def get(self, name: str, /) -> Optional[str]: ...


#: The header with the address, which depends on the proxies before the service.
Rule = Union[ForwardedFor, Forwarded, str]

# The methods that return all headers of a name: of Starlette and Werkzeug, of aiohttp, of the standard library.
_ALL = ("getlist", "getall", "get_all")


def _read(headers: Any, name: str) -> Optional[str]:
    """Returns a header's value. If there are several headers of this name, returns all, because a proxy may add a line."""
    for method in _ALL:
        if callable(getattr(headers, method, None)):
            try:
                values = getattr(headers, method)(name)
            except KeyError:
                values = None
            return ", ".join(values) if values else None
    if isinstance(headers, Mapping) and name not in headers:
        # A plain dict compares names with their case.
        values = [value for key, value in headers.items() if isinstance(key, str) and key.lower() == name]
        return ", ".join(values) if values else None
    found: Optional[str] = headers.get(name)
    return found


def client_address(headers: Union[Headers, Mapping[str, str]], rule: Rule) -> Optional[str]:
    """Returns the address of a request by the given rule; None if the header is missing or has no address.

    Args:
        headers: The headers of the request.
        rule: `"cf-connecting-ip"`, `"x-real-ip"`, `ForwardedFor(trusted_hops=…)` or `Forwarded(trusted_hops=…)`.
    """
    if not callable(getattr(headers, "get", None)):
        raise bad_argument("headers must be the headers of a request")
    if rule in ("cf-connecting-ip", "x-real-ip"):
        return address_of(_read(headers, str(rule)))
    if isinstance(rule, ForwardedFor):
        return address_of(_read(headers, "x-forwarded-for"), trusted_hops=rule.trusted_hops)
    if isinstance(rule, Forwarded):
        return address_of(_read(headers, "forwarded"), trusted_hops=rule.trusted_hops)
    raise bad_argument(
        "rule must be 'cf-connecting-ip', 'x-real-ip', ForwardedFor(trusted_hops=…) or Forwarded(trusted_hops=…)"
    )
