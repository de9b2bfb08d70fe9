"""Reads the response of a token endpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Mapping, Optional

from .._errors import VetassistError
from .context import is_duration
from .failure import bad_argument, failure

_MEMBERS = ("access_token", "refresh_token", "token_type", "scope", "expires_in")
# The lengths of the columns.
_LONGEST = {"token_type": 20, "scope": 500}
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)


@dataclass(frozen=True)
class Given:
    """Checked tokens. lifetime_seconds is None if it is unknown."""

    access: str = field(repr=False)
    refresh: Optional[str] = field(repr=False)
    kind: Optional[str]
    scope: Optional[str]
    lifetime_seconds: Optional[float]


def read_tokens(tokens: Any, default_lifetime_seconds: Optional[float]) -> Given:
    """Returns the checked tokens of a response."""
    access = tokens.get("access_token") if isinstance(tokens, Mapping) else None
    if not isinstance(access, str) or access == "":
        raise bad_argument("tokens['access_token'] must be a str: pass the response of the token endpoint as a dict")

    def optional(name: str) -> Optional[str]:
        value = tokens.get(name)
        if value is not None and not isinstance(value, str):
            raise bad_argument(f"tokens[{name!r}] must be a str if it is given")
        return value

    lifetime = _lifetime(tokens.get("expires_in"))
    return Given(
        access,
        # An empty refresh token counts as missing.
        optional("refresh_token") or None,
        optional("token_type"),
        optional("scope"),
        default_lifetime_seconds if lifetime is None else lifetime,
    )


def read_refreshed_tokens(tokens: Any, default_lifetime_seconds: Optional[float]) -> Given:
    """Returns the tokens of an exchange's response.

    Members that cannot be stored count as missing, because an error would lose the new refresh token.
    """
    if isinstance(tokens, Mapping):
        tokens = {name: tokens.get(name) for name in _MEMBERS}
        for name, longest in _LONGEST.items():
            if not _is_text(tokens[name], longest):
                tokens[name] = None
        try:
            _lifetime(tokens["expires_in"])
        except VetassistError:
            tokens["expires_in"] = None
    return read_tokens(tokens, default_lifetime_seconds)


def _is_text(value: object, longest: int) -> bool:
    try:
        return isinstance(value, str) and "\0" not in value and len(value.encode()) > 0 and len(value) <= longest
    except UnicodeEncodeError:
        return False


def read_lasting_tokens(tokens: Any, default_lifetime_seconds: Optional[float]) -> tuple[Given, float]:
    """Returns tokens and their lifetime, and refuses tokens without one, before anything is stored."""
    found = read_tokens(tokens, default_lifetime_seconds)
    if found.lifetime_seconds is None:
        raise failure(
            "ERR_NO_LIFETIME",
            "the tokens have no expires_in, and there is no default_lifetime_seconds: nothing was stored",
        )
    return found, found.lifetime_seconds


def _lifetime(value: object) -> Optional[float]:
    """Reads a number of seconds. Some endpoints write it as text."""
    if value is None:
        return None
    number = float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value
    if not is_duration(number):
        raise bad_argument("tokens['expires_in'] must be a number of seconds above 0")
    return number  # type: ignore[return-value]
