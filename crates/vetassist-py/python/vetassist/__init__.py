"""Seals VA.gov OAuth tokens and hashes IP addresses, as the PostgreSQL extension vetassist does.

What is sealed here opens there, in the npm package and in the Rust crate, and the other way.
"""

import sys as _sys

if "t" in getattr(_sys, "abiflags", ""):
    raise ImportError(
        "vetassist does not run on free-threaded CPython: nobody has tested it there. Use CPython with its lock"
    )

from ._errors import (
    FreedError,
    InvalidTypeError,
    InvalidValueError,
    OpenError,
    SecretInMetadataError,
    VetassistError,
)
from ._native import (
    VERSION as __version__,
    Key,
    KeyRing,
    MasterKey,
    check_event_data,
    check_event_type,
    decrypt,
    decrypt_text,
    encrypt,
    fingerprint,
    generate_key,
    hash_device,
    hash_ip,
    hash_ip_keyed,
    upgrade_ip_hash,
)

__all__ = [
    "FreedError",
    "InvalidTypeError",
    "InvalidValueError",
    "Key",
    "KeyRing",
    "MasterKey",
    "OpenError",
    "SecretInMetadataError",
    "VetassistError",
    "__version__",
    "check_event_data",
    "check_event_type",
    "decrypt",
    "decrypt_text",
    "encrypt",
    "fingerprint",
    "generate_key",
    "hash_device",
    "hash_ip",
    "hash_ip_keyed",
    "upgrade_ip_hash",
]
