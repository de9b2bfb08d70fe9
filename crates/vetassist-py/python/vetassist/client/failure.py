"""Errors of the client.

Errors of drivers contain ICNs, e-mail addresses and parameters, so only the SQLSTATE is passed on, and messages that contain
no value.
"""

from __future__ import annotations

import errno
import re
import socket
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Optional
from uuid import UUID

from .._errors import VetassistError, error

if TYPE_CHECKING:
    from .. import SchemaDifference


class ClientError(VetassistError):
    """An error of a client. Of the driver's error it contains only the SQLSTATE."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        sqlstate: Optional[str] = None,
        user_id: Optional[UUID] = None,
        retry_at: Optional[datetime] = None,
        differences: tuple[SchemaDifference, ...] = (),
    ) -> None:
        super().__init__(code, message)
        #: True if nothing was stored and the same call may be made again.
        self.retryable = retryable
        self.sqlstate = sqlstate
        self.user_id = user_id
        #: The time at which to call again.
        self.retry_at = retry_at
        #: The differences of `ERR_DRIFTED`.
        self.differences = differences


class AccountInactiveError(ClientError):
    """The account may not be used (`ERR_ACCOUNT_INACTIVE`)."""


class SignInAgainError(ClientError):
    """The refresh token is missing or was refused: the veteran must sign in again (`ERR_SIGN_IN_AGAIN`)."""


class NoTokensError(ClientError):
    """The user has no tokens (`ERR_NO_TOKENS`)."""


class TokenEndpointError(Exception):
    """The OAuth error code of a token endpoint, for a refresh function to raise.

    Any exception with an attribute `error` is treated in the same way; those of Authlib and oauthlib have one.
    """

    def __init__(self, error: str) -> None:
        super().__init__(f"the token endpoint answered {error}")
        self.error = error


_CLASSES = {
    "ERR_ACCOUNT_INACTIVE": AccountInactiveError,
    "ERR_SIGN_IN_AGAIN": SignInAgainError,
    "ERR_NO_TOKENS": NoTokensError,
}


def failure(code: str, message: str, **others: Any) -> ClientError:
    return _CLASSES.get(code, ClientError)(code, message, **others)


def bad_argument(message: str) -> VetassistError:
    return error("ERR_INVALID_ARG_TYPE", message)


# The errors by SQLSTATE, or by its class. The third value is True if nothing was stored and the same call may be made again.
_CODES: dict[str, tuple[str, str, bool]] = {
    "VA001": ("ERR_ACCOUNT_INACTIVE", "the account is not active", False),
    "23503": ("ERR_NO_SUCH_USER", "there is no such user", False),
    "23505": ("ERR_JWT_ID_USED", "there is a session with this jwt id already", False),
    "22001": ("ERR_TEXT_TOO_LONG", "a text is longer than its column", False),
    "42501": ("ERR_FORBIDDEN", "the database does not permit the call", False),
    "42883": ("ERR_NOT_INSTALLED", "the schema lacks a function of vetassist: install vetassist, or update it", False),
    "42P01": ("ERR_NOT_INSTALLED", "the schema lacks a table of vetassist: install vetassist, or update it", False),
    "3F000": ("ERR_NOT_INSTALLED", "there is no such schema", False),
    "F0000": (
        "ERR_SERVER_KEYS",
        "the server's key ring cannot be used: the reason is in the server's log",
        False,
    ),
    "39000": ("ERR_SERVER_KEYS", "no key of the server opens the token", False),
    "22P03": ("ERR_SERVER_KEYS", "no key of the server opens the token", False),
    "22004": ("ERR_REFUSED", "a required argument is missing", False),
    "22023": ("ERR_REFUSED", "the database refused an argument", False),
    "22P02": ("ERR_REFUSED", "an argument is malformed, such as an id that is not a UUID", False),
    "22P05": ("ERR_REFUSED", "a text has a character that an encoding of the connection or database lacks", False),
    "54000": ("ERR_TOO_LARGE", "metadata is longer than 64 kB, or nested more than 64 levels deep", False),
    "25006": ("ERR_DATABASE", "the database is read-only: a standby, or a transaction", True),
    "55P03": ("ERR_DATABASE", "a row is locked by another transaction", True),
    "40": ("ERR_DATABASE", "the transaction collided with another", True),
    "53": ("ERR_DATABASE", "the database lacks resources", True),
    "57": ("ERR_DATABASE", "the database ended the statement", True),
}

# SQLSTATEs whose messages come from vetassist, or contain no value.
_SAFE_MESSAGES = frozenset({"22001", "22004", "22023", "23503", "25001", "42501", "54000"})

_SQLSTATE = re.compile(r"(?=.*\d)[0-9A-Z]{5}")
_USER_ID = re.compile(r"user_id ([\da-f-]{36})")


class NotAsked(Exception):
    """There was no connection, so no statement was sent. The argument is the driver's error."""


@dataclass(frozen=True)
class DriverFailure:
    """The part of a driver's error that may be passed on."""

    sqlstate: Optional[str]
    name: str
    is_unreached: bool
    message: str = field(repr=False)
    detail: str = field(repr=False)

    @classmethod
    def of(cls, error: BaseException) -> DriverFailure:
        """Reads an error of asyncpg, psycopg or psycopg2."""
        is_unreached = isinstance(error, (NotAsked, ConnectionRefusedError, FileNotFoundError, socket.gaierror))
        if isinstance(error, NotAsked):
            error = error.args[0]
        # asyncpg and psycopg have sqlstate, psycopg2 pgcode.
        sqlstate = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
        if not isinstance(sqlstate, str) or _SQLSTATE.fullmatch(sqlstate) is None:
            sqlstate = None
        if isinstance(error, UnicodeEncodeError):
            # psycopg and psycopg2 encode parameters, so that the server cannot refuse them.
            sqlstate = "22P05"
        said = getattr(error, "diag", None)
        message = getattr(said, "message_primary", None) or getattr(error, "message", None)
        detail = getattr(said, "message_detail", None) or getattr(error, "detail", None)
        name = errno.errorcode.get(error.errno or 0) if isinstance(error, OSError) else None
        return cls(
            sqlstate,
            name or type(error).__name__,
            is_unreached or sqlstate in ("08001", "08004"),
            str(message or ""),
            str(detail or ""),
        )


def of_driver(failed: DriverFailure, *, is_read: bool) -> ClientError:
    """Returns the client's error for a driver's error. is_read is True if the statement changes nothing."""
    sqlstate = failed.sqlstate
    if sqlstate is None or sqlstate.startswith("08"):
        retryable = is_read or failed.is_unreached
        unknown = "" if retryable else "; the statement may have been executed"
        return failure(
            "ERR_DATABASE",
            f"the database did not answer ({failed.name}){unknown}",
            retryable=retryable,
            sqlstate=sqlstate,
        )
    unlisted = ("ERR_DATABASE", f"the database answered {sqlstate}", False)
    code, message, retryable = _CODES.get(sqlstate) or _CODES.get(sqlstate[:2]) or unlisted
    if sqlstate in _SAFE_MESSAGES and failed.message:
        message = f"{message}: {failed.message}"
    # Only the id that vetassist itself wrote is taken from the detail.
    found = _USER_ID.fullmatch(failed.detail) if sqlstate == "VA001" else None
    return failure(code, message, retryable=retryable, sqlstate=sqlstate, user_id=UUID(found[1]) if found else None)
