"""Seals and opens with `cryptography` like the backend, independently of the core."""

import hashlib
import hmac
import ipaddress
import os
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive(master: bytes, salt: bytes, info: bytes = b"", length: int = 32) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(master)


def user_cipher(master: bytes, user_id: uuid.UUID) -> AESGCM:
    return AESGCM(derive(master, b"vetassist_token_v1", str(user_id).encode()))


def seal(cipher: AESGCM, token: str) -> bytes:
    nonce = os.urandom(12)
    return nonce + cipher.encrypt(nonce, token.encode(), None)


def unseal(cipher: AESGCM, sealed: bytes) -> str:
    return cipher.decrypt(sealed[:12], sealed[12:], None).decode()


def plain_hash(address: str) -> str:
    host = ipaddress.ip_address(address)
    host = getattr(host, "ipv4_mapped", None) or host
    return hashlib.sha256(str(host).encode()).hexdigest()


def keyed_hash(master: bytes, plain: str) -> str:
    return hmac.new(derive(master, b"vetassist_ip_v1"), plain.encode(), "sha256").hexdigest()


def fingerprint(master: bytes) -> str:
    return derive(master, b"vetassist_key_id_v1", length=8).hex()
