"""The fingerprints of the keys that sealed the stored tokens. A ring without any of these keys belongs to another database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from .. import KeyRing, OpenError
from .failure import ClientError, failure
from .statement import bytes_of, call, integer, one, text

if TYPE_CHECKING:
    from .context import Context
    from .effects import Step

_LOOKED_AT = 16


class Keys(Protocol):
    """Compares a ring with the database, once for each client, before it first seals."""

    def is_open(self) -> bool:
        """Returns True until the ring was compared. Then the caller must pass the known fingerprints to `compare`."""
        ...

    def compare(self, context: Context, operation: str, known: list[str]) -> Step[None]:
        """Compares the ring with the fingerprints that the database knows."""
        ...

    def accept(self) -> None:
        """Accepts the ring as known, because it opened a stored token."""
        ...

    def check(self, context: Context, operation: str) -> Step[None]:
        """Reads the known fingerprints and compares the ring, unless it was compared before."""
        ...

    def note(self, context: Context, operation: str) -> Step[None]:
        """Stores the fingerprint of the current key, after a value that it sealed was stored."""
        ...


class KnownKeys:
    """Compares a client's ring."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._fingerprints = list(ring.fingerprints())
        self._is_checked = False
        self._is_noted = False

    def is_open(self) -> bool:
        return not self._is_checked

    def compare(self, context: Context, operation: str, known: list[str]) -> Step[None]:
        self._is_noted = self._fingerprints[0] in known
        if not any(fingerprint in known for fingerprint in self._fingerprints):
            opens = yield from self._opens(context, operation, known)
            if not opens:
                raise failure(
                    "ERR_UNKNOWN_KEYS",
                    "the ring has no key that this database knows, and opens none of its tokens: nothing was sealed",
                )
        self._is_checked = True

    def _opens(self, context: Context, operation: str, known: list[str]) -> Step[bool]:
        """Returns whether the ring opens one of a few stored tokens, or there are none."""
        arguments = {"max_rows": integer(_LOOKED_AT, "max_rows")}
        try:
            rows = yield from call(context, operation, "vetassist_sealed_page", arguments, is_read=True)
        except ClientError as error:
            # A role that may not read tokens relies on the known fingerprints.
            if error.code != "ERR_FORBIDDEN":
                raise
            return not known
        return not rows or any(self._opens_it(row.result) for row in rows)

    def _opens_it(self, row: dict[str, Any]) -> bool:
        sealed = bytes_of(row["access_token"])
        try:
            self._ring.decrypt_token(sealed or b"", row["user_id"])
        except OpenError:
            return False
        return True

    def accept(self) -> None:
        self._is_checked = True

    def check(self, context: Context, operation: str) -> Step[None]:
        if self._is_checked:
            return
        rows = yield from call(context, operation, "vetassist_known_keys", is_read=True)
        yield from self.compare(context, operation, [row.result for row in rows])

    def note(self, context: Context, operation: str) -> Step[None]:
        if self._is_noted:
            return
        arguments = {"fingerprint": text(self._fingerprints[0])}
        yield from one(context, operation, "vetassist_note_key", arguments, result="'true'")
        self._is_noted = True


class NoKeys:
    """Compares nothing, because the server seals and there is no ring."""

    def is_open(self) -> bool:
        return False

    def compare(self, context: Context, operation: str, known: list[str]) -> Step[None]:
        yield from ()

    def accept(self) -> None:
        pass

    def check(self, context: Context, operation: str) -> Step[None]:
        yield from ()

    def note(self, context: Context, operation: str) -> Step[None]:
        yield from ()
