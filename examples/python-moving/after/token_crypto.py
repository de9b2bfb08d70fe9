"""The same module on vetassist. This is the first step, which changes no other line of the backend.

What the old module wrote opens here, and what is written here opens there, so that the two may run side by side, and the step
may be taken back. The environment may hold several keys now, separated by blanks: the first seals, all of them open.
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
