"""The same module on vetassist. This is the first step, which changes no other line of the backend.

The old and the new module open each other's values, so both may run side by side, and the step can be undone. The environment
may now have several keys, separated by blanks: the first seals, all of them open.
"""

import os
from functools import lru_cache
from typing import Optional

from vetassist import InvalidValueError, KeyRing, OpenError
from vetassist import hash_ip as plain_hash


class TokenCryptoError(Exception):
    """A token did not open."""


@lru_cache(maxsize=1)
def ring() -> KeyRing:
    """Returns the ring of this process."""
    return KeyRing(os.environ["VETASSIST_MASTER_KEY"].split())


def encrypt_token(token: str, user_id: str) -> bytes:
    return ring().encrypt_token(token, user_id)


def decrypt_token(encrypted: bytes, user_id: str) -> str:
    try:
        return ring().decrypt_token(encrypted, user_id)
    except OpenError as error:
        raise TokenCryptoError("the token does not open") from error


def hash_ip(ip: str) -> Optional[str]:
    """Returns the hash of an address, the same for all its spellings; None for text such as "unknown"."""
    try:
        return plain_hash(ip)
    except InvalidValueError:
        return None
