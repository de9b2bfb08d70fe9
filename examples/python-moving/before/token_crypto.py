"""The backend's module before the move: it seals by hand with `cryptography`, under one key."""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12


class TokenCryptoError(Exception):
    """A token did not open."""


def _cipher(user_id: str) -> AESGCM:
    master = bytes.fromhex(os.environ["VETASSIST_MASTER_KEY"])
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=b"vetassist_token_v1", info=user_id.encode())
    return AESGCM(derived.derive(master))


def encrypt_token(token: str, user_id: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(user_id).encrypt(nonce, token.encode(), None)


def decrypt_token(encrypted: bytes, user_id: str) -> str:
    try:
        return _cipher(user_id).decrypt(encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:], None).decode()
    except InvalidTag as error:
        raise TokenCryptoError("the token does not open") from error


def hash_ip(ip: str) -> str:
    # This is a weakness: each spelling of an address has another hash, and "unknown" has a hash too.
    return hashlib.sha256(ip.encode()).hexdigest()
