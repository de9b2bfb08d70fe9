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
    """The base class of all errors of this package.

    The message never holds a byte of a key, a token or a plaintext.
    """

    code: str
    """The kind of the error, such as ``ERR_OPEN_FAILED``. The npm package has the same codes."""

    retryable: bool = False
    """True if nothing was stored and the same call may be made again. Only errors of a client can be retryable."""

    def __init__(self, code: str, message: str) -> None:
        # Both arguments are passed on, so that the error can be pickled.
        super().__init__(code, message)
        self.code = code
        self._message = message

    def __str__(self) -> str:
        return self._message


class InvalidTypeError(VetassistError, TypeError):
    """An argument has the wrong type, or the object cannot be used in this way."""


class InvalidValueError(VetassistError, ValueError):
    """An argument has an invalid value."""


class SecretInMetadataError(InvalidValueError):
    """Metadata contains something that looks like a secret."""

    path: str
    """The place of the secret, such as ``event_data.users[0].password``."""

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
    """Returns the error with this code, in the class of the code."""
    return _CLASSES.get(code, VetassistError)(code, message)


def wrong_type(what: str, expected: str, value: object) -> VetassistError:
    """Returns the error for an argument of a wrong type. It names the type and never shows the value."""
    # This reads the name without calling code of a metaclass.
    found = "None" if value is None else type.__dict__["__name__"].__get__(type(value))
    return error("ERR_INVALID_ARG_TYPE", f"{what} must be {expected}, not {found}")
