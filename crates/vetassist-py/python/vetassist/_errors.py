"""The errors of this package, each with its code."""

from __future__ import annotations

import typing as _t

__all__ = [
    "FreedError",
    "InvalidTypeError",
    "InvalidValueError",
    "OpenError",
    "SecretInMetadataError",
    "VetassistError",
]


class VetassistError(Exception):
    """Tells what went wrong: the base of all errors that this package raises.

    The message never holds a byte of a key, a token or a plaintext.
    """

    code: str
    """Tells which kind of error it is, such as ``ERR_OPEN_FAILED``. The npm package has the same codes."""

    retryable: bool = False
    """True where nothing was stored, and the same call may be made again. Only errors of a client are ever so."""

    def __init__(self, code: str, message: str) -> None:
        # Both, so that the error can be pickled.
        super().__init__(code, message)
        self.code = code
        self._message = message

    def __str__(self) -> str:
        return self._message


class InvalidTypeError(VetassistError, TypeError):
    """An argument is of a type that the call does not take, or the object cannot be used in this way."""


class InvalidValueError(VetassistError, ValueError):
    """An argument has a value that the call does not take."""


class SecretInMetadataError(InvalidValueError):
    """Metadata holds what looks like a secret."""

    path: str
    """Says where it stands, such as ``event_data.users[0].password``."""

    def __init__(self, code: str, message: str, path: str = "") -> None:
        super().__init__(code, message)
        self.path = path


class OpenError(VetassistError):
    """A sealed value does not open."""


class FreedError(VetassistError):
    """A key has been freed."""


_CLASSES: _t.Dict[str, _t.Type[VetassistError]] = {
    "ERR_DETACHED_BUFFER": InvalidValueError,
    "ERR_FREED": FreedError,
    "ERR_INVALID_ADDRESS": InvalidValueError,
    "ERR_INVALID_ARG_TYPE": InvalidTypeError,
    "ERR_INVALID_CHECKPOINT": InvalidValueError,
    "ERR_INVALID_EVENT_TYPE": InvalidValueError,
    "ERR_INVALID_IP_HASH": InvalidValueError,
    "ERR_INVALID_KEY": InvalidValueError,
    "ERR_INVALID_KEY_RING": InvalidValueError,
    "ERR_INVALID_ROW": InvalidValueError,
    "ERR_INVALID_SEALED_TEXT": InvalidValueError,
    "ERR_INVALID_TEXT": InvalidValueError,
    "ERR_INVALID_USER_ID": InvalidValueError,
    "ERR_INVALID_VERIFIER_KEY": InvalidValueError,
    "ERR_NOT_COPYABLE": InvalidTypeError,
    "ERR_NOT_UTF8": OpenError,
    "ERR_OPEN_FAILED": OpenError,
    "ERR_SEALED_TOO_SHORT": OpenError,
    "ERR_SECRET_IN_METADATA": SecretInMetadataError,
    "ERR_TOO_LARGE": InvalidValueError,
}


def error(code: str, message: str) -> VetassistError:
    """Returns the error with this code, of the class that the code belongs to."""
    return _CLASSES.get(code, VetassistError)(code, message)


def wrong_type(what: str, expected: str, value: object) -> VetassistError:
    """Returns the error for an argument of a wrong type. It names the type and never shows the value."""
    # A metaclass may answer with whatever it likes.
    found = "None" if value is None else type.__dict__["__name__"].__get__(type(value))
    return error("ERR_INVALID_ARG_TYPE", f"{what} must be {expected}, not {found}")
