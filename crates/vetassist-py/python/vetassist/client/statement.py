"""Statements: their text, parameters, rows and events.

Drivers convert types in different ways. So each parameter is text that the statement casts, and a row is returned as one JSON
text.
"""

from __future__ import annotations

import json
import math
import random
import re
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Optional, Union
from uuid import UUID

from .._errors import VetassistError, error
from .effects import Pause, Statement
from .failure import DriverFailure, bad_argument, of_driver
from .models import StatementEvent

if TYPE_CHECKING:
    from .context import Context
    from .effects import Step

# A hundred years. No token and no session is valid for so long.
LONGEST_SECONDS = 3_155_760_000

UserId = Union[UUID, str]
Address = Union[str, IPv4Address, IPv6Address]


@dataclass(frozen=True)
class Argument:
    """A parameter: its place in the statement, and its value. None is left out, so that SQL's default applies."""

    sql: str
    value: Optional[str] = field(repr=False)


def text(value: Optional[str], name: str = "a text") -> Argument:
    if value is not None:
        if not isinstance(value, str):
            raise bad_argument(f"{name} must be a str")
        # This check comes first, because a driver's error would quote the value.
        try:
            value.encode()
        except UnicodeEncodeError:
            is_text = False
        else:
            is_text = "\0" not in value
        if not is_text:
            raise _not_text(name)
    return Argument("{}::text", value)


def _not_text(name: str) -> VetassistError:
    return error("ERR_INVALID_TEXT", f"{name} has a NUL or a lone surrogate, which PostgreSQL cannot store")


def id_of(value: UserId, name: str = "user_id") -> UUID:
    if isinstance(value, UUID):
        return value
    found = None
    if isinstance(value, str):
        # The error of UUID is not the context of the error below, because it quotes the value.
        try:
            found = UUID(value)
        except ValueError:
            pass
    if found is None:
        raise bad_argument(f"{name} must be a UUID")
    return found


def uuid(value: Optional[UserId], name: str = "user_id") -> Argument:
    return Argument("{}::text::uuid", None if value is None else str(id_of(value, name)))


def integer(value: Optional[int], name: str) -> Argument:
    if value is not None and not (is_int(value) and -(2**31) <= value < 2**31):
        raise bad_argument(f"{name} must be an int of PostgreSQL's type integer")
    return Argument("{}::text::integer", None if value is None else str(value))


def boolean(value: Optional[bool], name: str = "is_active") -> Argument:
    if value is not None and not isinstance(value, bool):
        raise bad_argument(f"{name} must be a bool")
    return Argument("{}::text::boolean", None if value is None else str(value).lower())


def inet(value: Optional[str]) -> Argument:
    return Argument("{}::text::inet", value)


def seconds(value: Optional[float], name: str = "a time") -> Argument:
    if value is not None and not (is_number(value) and abs(value) <= LONGEST_SECONDS):
        raise bad_argument(f"{name} must be a number of at most a hundred years")
    return Argument("{}::text::double precision * interval '1 second'", None if value is None else repr(float(value)))


def from_now(value: Optional[float]) -> Argument:
    """Returns a parameter for a time so many seconds from now, by the database's clock."""
    return Argument(f"now() + {seconds(value).sql}", seconds(value).value)


# A NUL as JSON writes it. Before it there is an even number of backslashes, which are characters of their own.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def jsonb(value: Any, name: str) -> Argument:
    """Returns a parameter for a JSON value. None is left out."""
    if value is None:
        return Argument("{}::text::jsonb", None)
    try:
        written: Optional[str] = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        # The messages of these errors quote values.
        written = None
    if written is None:
        raise bad_argument(f"{name} must be a value that JSON can hold")
    if _NUL.search(written) is not None:
        raise _not_text(name)
    if "\\ud" in written:
        # Two surrogates are a character; a lone one is refused.
        text(json.dumps(value, ensure_ascii=False), name)
    return Argument("{}::text::jsonb", written)


def bytea(value: Optional[bytes]) -> Argument:
    """Returns a parameter for bytes, in PostgreSQL's hexadecimal format, which every driver passes on unchanged."""
    return Argument("{}::text::bytea", None if value is None else f"\\x{value.hex()}")


def is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Returns whether a value is a number. NaN is none, though it is a float."""
    return is_int(value) or (isinstance(value, float) and not math.isnan(value))


def bytes_of(hex_text: Optional[str]) -> Optional[bytes]:
    """Returns the bytes of the text that to_jsonb writes for a bytea."""
    return None if hex_text is None else bytes.fromhex(hex_text[2:])


_TIME = re.compile(r"(\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?([+-])(\d\d):(\d\d)(?::(\d\d))?( BC)?")
_FIRST = datetime.min.replace(tzinfo=timezone.utc)
_LAST = datetime.max.replace(tzinfo=timezone.utc)


def time_of(written: str) -> datetime:
    """Returns the time that to_jsonb wrote. A time outside of the range of datetime becomes its first or last one."""
    found = _TIME.fullmatch(written)
    if found is None:
        return _FIRST if written.startswith("-") else _LAST
    year, month, day, hour, minute, second, part, sign, *offset, is_before = found.groups()
    if is_before:
        return _FIRST
    if len(year) > 4:
        return _LAST
    local = datetime(
        int(year), int(month), int(day), int(hour), int(minute), int(second), int((part or "").ljust(6, "0"))
    )
    ahead = timedelta(hours=int(offset[0]), minutes=int(offset[1]), seconds=int(offset[2] or 0))
    try:
        return (local - ahead if sign == "+" else local + ahead).replace(tzinfo=timezone.utc)
    except OverflowError:
        return _FIRST if local.year == 1 else _LAST


def maybe_time_of(written: Optional[str]) -> Optional[datetime]:
    return None if written is None else time_of(written)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Parameters:
    """Collects parameters."""

    def __init__(self) -> None:
        self.values: list[Optional[str]] = []

    def add(self, argument: Argument) -> str:
        """Adds a parameter, and returns its text in the statement."""
        self.values.append(argument.value)
        return argument.sql.format(f"${len(self.values)}")

    def named(self, arguments: dict[str, Argument]) -> str:
        """Adds the arguments that are not None, and returns the text of a function's arguments."""
        return ", ".join(
            f"{name} => {self.add(argument)}" for name, argument in arguments.items() if argument.value is not None
        )


def select(result: str, source: str) -> str:
    """Returns a SELECT. It contains now(), so that no cache answers it.

    result is an expression, and source is the text after FROM.
    """
    return f"SELECT pg_catalog.to_jsonb(now())::text AS asked_at, ({result})::text AS result FROM {source}"


@dataclass(frozen=True)
class AskedRow:
    """A row: its result, and the time of the statement by the database's clock."""

    asked_at: str
    result: Any = field(repr=False)


# After one of these errors, nothing was stored.
_COLLISIONS = frozenset({"40001", "40P01"})
_ATTEMPTS = 6


def run(
    context: Context, operation: str, statement: str, params: list[Optional[str]], *, is_read: bool = False
) -> Step[list[AskedRow]]:
    """Runs a statement, and runs it again if it conflicted with another transaction."""
    attempt = 0
    while True:
        attempt += 1
        started = time.monotonic()
        answer = yield Statement(statement, params)
        spent = time.monotonic() - started
        if not isinstance(answer, DriverFailure):
            context.emit(StatementEvent(operation, spent, len(answer), attempt))
            return [AskedRow(json.loads(asked), None if found is None else json.loads(found)) for asked, found in answer]
        failed = of_driver(answer, is_read=is_read)
        context.emit(StatementEvent(operation, spent, 0, attempt, failed.sqlstate))
        if context.is_transaction or failed.sqlstate not in _COLLISIONS or attempt == _ATTEMPTS:
            raise failed
        yield Pause(random.uniform(0, 0.01 * 2**attempt))


def call(
    context: Context,
    operation: str,
    name: str,
    arguments: Optional[dict[str, Argument]] = None,
    *,
    result: str = "pg_catalog.to_jsonb(r)",
    is_read: bool = False,
) -> Step[list[AskedRow]]:
    """Calls a function of vetassist."""
    params = Parameters()
    source = f"{quoted(context.schema)}.{quoted(name)}({params.named(arguments or {})}) AS r"
    return (yield from run(context, operation, select(result, source), params.values, is_read=is_read))


def one(
    context: Context,
    operation: str,
    name: str,
    arguments: Optional[dict[str, Argument]] = None,
    *,
    result: str = "pg_catalog.to_jsonb(r)",
    is_read: bool = False,
) -> Step[Any]:
    """Calls a function of vetassist, and returns the result of its first row; None if there is none."""
    rows = yield from call(context, operation, name, arguments, result=result, is_read=is_read)
    return rows[0].result if rows else None
