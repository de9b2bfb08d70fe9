"""Rows of the four tables, from the rows of drivers."""

from __future__ import annotations

import dataclasses as _d
import datetime as _datetime
import re as _re
import typing as _t
import uuid as _uuid

from ._errors import error as _error, wrong_type as _wrong_type
from ._native import column_kinds as _column_kinds, table_columns as _table_columns
from ._types import JsonValue as _JsonValue, is_a as _is_a

__all__ = [
    "AuthAudit",
    "Session",
    "User",
    "VaToken",
    "parse_auth_audit",
    "parse_session",
    "parse_user",
    "parse_va_token",
]


@_d.dataclass(frozen=True)
class User:
    """A row of ``vetassist_users``: an account. Its ``repr`` does not show the ICN, the status, the e-mail and the names."""

    id: _uuid.UUID
    """Identifies the account in this database."""
    va_icn: _t.Optional[str] = _d.field(repr=False)
    """Integration Control Number, which identifies the veteran to VA; unique. None after an erasure."""
    va_veteran_status: _t.Optional[str] = _d.field(repr=False)
    """The veteran's status as VA stated it."""
    email: _t.Optional[str] = _d.field(repr=False)
    """E-mail address."""
    first_name: _t.Optional[str] = _d.field(repr=False)
    """First name."""
    last_name: _t.Optional[str] = _d.field(repr=False)
    """Last name."""
    is_active: _t.Optional[bool]
    """True if the account may be used. None counts as false."""
    created_at: _t.Optional[_datetime.datetime]
    """When the account was created."""
    updated_at: _t.Optional[_datetime.datetime]
    """When the profile last changed."""
    last_login_at: _t.Optional[_datetime.datetime]
    """The time of the last sign-in."""


@_d.dataclass(frozen=True)
class VaToken:
    """A row of ``vetassist_va_tokens``: one user's sealed tokens. :class:`KeyRing` seals and opens them."""

    id: _uuid.UUID
    """Identifies the row."""
    user_id: _uuid.UUID
    """The user of the tokens; unique."""
    access_token_encrypted: bytes = _d.field(repr=False)
    """The access token. Nonce, ciphertext and tag."""
    refresh_token_encrypted: _t.Optional[bytes] = _d.field(repr=False)
    """The refresh token, if VA.gov issued one. Nonce, ciphertext and tag."""
    token_type: _t.Optional[str]
    """``Bearer``."""
    scope: _t.Optional[str]
    """The scopes of the tokens, separated by blanks."""
    expires_at: _datetime.datetime
    """When the access token expires."""
    created_at: _t.Optional[_datetime.datetime]
    """When the row was created."""
    refreshed_at: _t.Optional[_datetime.datetime]
    """When the tokens were last replaced."""


@_d.dataclass(frozen=True)
class Session:
    """A row of ``vetassist_sessions``."""

    id: _uuid.UUID
    """Identifies the session."""
    user_id: _uuid.UUID
    """The user of the session."""
    jwt_id: str
    """The ``jti`` claim of its JSON Web Token; unique."""
    device_info: _JsonValue
    """A description of the device; addresses in it are hashed."""
    created_at: _t.Optional[_datetime.datetime]
    """When the session began."""
    expires_at: _datetime.datetime
    """When the session expires."""
    revoked_at: _t.Optional[_datetime.datetime]
    """When the session was revoked."""


@_d.dataclass(frozen=True)
class AuthAudit:
    """A row of ``vetassist_auth_audit``."""

    id: int
    """The number of the event; gaps are normal."""
    user_id: _t.Optional[_uuid.UUID]
    """The user whom the event is about."""
    event_type: str
    """The type of the event."""
    event_data: _JsonValue
    """Metadata, which contains no secrets."""
    ip_hash: _t.Optional[str]
    """The hash of the client's address."""
    created_at: _t.Optional[_datetime.datetime]
    """The time of the event."""


_OVERHEAD = 28
_COLUMNS = _table_columns()
_KINDS = {
    name: (expected.replace("a Date", "a datetime"), _re.compile(pattern) if pattern else None)
    for name, (expected, pattern) in _column_kinds().items()
}
_MISSING = object()


def _matching(value: object, kind: str) -> _t.Optional[str]:
    pattern = _KINDS[kind][1]
    return value if _is_a(value, str) and pattern and pattern.fullmatch(value) else None


def _as_uuid(value: object) -> _t.Optional[_uuid.UUID]:
    if _is_a(value, _uuid.UUID):
        # Some drivers have UUID classes of their own, which are slower to compare.
        return value if type(value) is _uuid.UUID else _uuid.UUID(int=value.int)
    text = _matching(value, "uuid")
    return None if text is None else _uuid.UUID(text)


def _as_time(value: object) -> _t.Optional[_datetime.datetime]:
    if _is_a(value, _datetime.datetime):
        # Drivers return the first or the last possible datetime for an infinity.
        is_finite = _datetime.datetime.min < value.replace(tzinfo=None) < _datetime.datetime.max
        return value if value.utcoffset() is not None and is_finite else None
    text = _matching(value, "time")
    if text is None:
        return None
    # `fromisoformat` of CPython 3.9 needs six digits of a second, and minutes in the zone.
    found = _re.fullmatch(r"(.{10})[ T](.{8})(?:[.]([0-9]+))?(Z|[+-][0-9:]+)", text)
    if found is None:
        return None
    date, clock, fraction, zone = found.groups()
    zone = {1: "+00:00", 3: f"{zone}:00"}.get(len(zone), zone)
    return _datetime.datetime.fromisoformat(f"{date}T{clock}.{(fraction or '').ljust(6, '0')[:6]}{zone}")


def _as_sealed(value: object) -> _t.Optional[bytes]:
    text = _matching(value, "sealed")
    if text is not None:
        taken = bytes.fromhex(text[2:])
    elif _is_a(value, memoryview):
        taken = value.tobytes()
    elif _is_a(value, bytes):
        # A subclass may have a method `__bytes__` of its own, here and below.
        taken = bytes.__getitem__(value, slice(None))
    elif _is_a(value, bytearray):
        taken = bytes(bytearray.__getitem__(value, slice(None)))
    else:
        return None
    return taken if len(taken) >= _OVERHEAD else None


def _as_digits(value: object) -> _t.Optional[int]:
    is_whole = _is_a(value, int) and not _is_a(value, bool)
    text = _matching(str(int.__int__(value)) if is_whole else value, "digits")  # type: ignore[arg-type]
    return None if text is None else int(text)


_CONVERT: _t.Dict[str, _t.Callable[[object], object]] = {
    "uuid": _as_uuid,
    "text": lambda value: value if _is_a(value, str) else None,
    "hash": lambda value: _matching(value, "hash"),
    "bool": lambda value: value if _is_a(value, bool) else None,
    "digits": _as_digits,
    "time": _as_time,
    "sealed": _as_sealed,
    "json": lambda value: value if any(_is_a(value, of) for of in (dict, list, str, int, float)) else None,
}


def _or(fallback: object, call: _t.Callable[..., object], *arguments: object) -> object:
    """Returns what a call returns, or the fallback if it fails. Classes of drivers raise errors that quote their values."""
    try:
        return call(*arguments)
    except MemoryError:
        raise
    except Exception:
        return fallback


def _parse(table: str, row: object) -> _t.Dict[str, object]:
    # Mappings have these methods, and so do asyncpg's records, which are not mappings. A tuple would be read by position.
    if not _or(False, lambda: hasattr(row, "keys") and hasattr(row, "__getitem__")):
        raise _wrong_type("the row", "a mapping of columns (psycopg: row_factory=dict_row; SQLAlchemy: row._mapping)", row)
    parsed: _t.Dict[str, object] = {}
    for name, kind, is_nullable in _COLUMNS[table]:
        value = _or(_MISSING, lambda: row[name])  # type: ignore[index]
        converted = None if value is None or value is _MISSING else _or(None, _CONVERT[kind], value)
        if value is _MISSING or (converted is None and not (value is None and is_nullable)):
            # The message does not contain the value, because it may be personal data.
            found = ", and is missing" if value is _MISSING else ", and is NULL" if value is None else ""
            raise _error("ERR_INVALID_ROW", f"{table}.{name} must be {_KINDS[kind][0]}{found}")
        parsed[name] = converted
    return parsed


def parse_user(row: object) -> User:
    """Reads a row of ``vetassist_users`` that any driver returned for ``SELECT *``.

    The row must give its columns by name, as asyncpg's records, dicts, and ``row._mapping`` of SQLAlchemy do. Times are datetimes with their zone or text,
    ``bytea`` is bytes or ``\\x…``. Other columns are left out. Raises ``ERR_INVALID_ROW``, which names the column and never
    quotes it. ``infinity`` is malformed, because no datetime can represent it.
    """
    return User(**_parse("vetassist_users", row))  # type: ignore[arg-type]


def parse_va_token(row: object) -> VaToken:
    """Reads a row of ``vetassist_va_tokens``. Its tokens stay sealed."""
    return VaToken(**_parse("vetassist_va_tokens", row))  # type: ignore[arg-type]


def parse_session(row: object) -> Session:
    """Reads a row of ``vetassist_sessions``. asyncpg returns ``device_info`` as text unless it has a codec for jsonb."""
    return Session(**_parse("vetassist_sessions", row))  # type: ignore[arg-type]


def parse_auth_audit(row: object) -> AuthAudit:
    """Reads a row of ``vetassist_auth_audit``."""
    return AuthAudit(**_parse("vetassist_auth_audit", row))  # type: ignore[arg-type]
