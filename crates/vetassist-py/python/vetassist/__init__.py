"""Seals VA.gov OAuth tokens and hashes IP addresses, as the PostgreSQL extension vetassist does.

This package, the extension, the npm package and the Rust crate open each other's sealed values.
"""

import sys as _sys

if "t" in getattr(_sys, "abiflags", ""):
    raise ImportError(
        "vetassist does not run on free-threaded CPython, where it was not tested: use CPython with its global lock"
    )

from ._address import address_of
from ._checkpoint import Checkpoint, verify_checkpoint
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
from ._rows import (
    AuthAudit,
    Session,
    User,
    VaToken,
    parse_auth_audit,
    parse_session,
    parse_user,
    parse_va_token,
)
from ._schema import SCHEMA_QUERY, SchemaDifference, check_schema

# This import is last, because the module imports the names above.
from .sync import Client

__all__ = [
    "AuthAudit",
    "Checkpoint",
    "Client",
    "FreedError",
    "InvalidTypeError",
    "InvalidValueError",
    "Key",
    "KeyRing",
    "MasterKey",
    "OpenError",
    "SCHEMA_QUERY",
    "SchemaDifference",
    "SecretInMetadataError",
    "Session",
    "User",
    "VaToken",
    "VetassistError",
    "__version__",
    "address_of",
    "check_event_data",
    "check_event_type",
    "check_schema",
    "decrypt",
    "decrypt_text",
    "encrypt",
    "fingerprint",
    "generate_key",
    "hash_device",
    "hash_ip",
    "hash_ip_keyed",
    "parse_auth_audit",
    "parse_session",
    "parse_user",
    "parse_va_token",
    "upgrade_ip_hash",
    "verify_checkpoint",
]
