"""Checkpoints of the audit log."""

from __future__ import annotations

import dataclasses as _d
import typing as _t

from ._native import opened_checkpoint as _opened
from ._types import BytesLike as _BytesLike

__all__ = ["Checkpoint", "verify_checkpoint"]


@_d.dataclass(frozen=True)
class Checkpoint:
    """A state of the audit log."""

    origin: str
    """The name of the log: ``vetassist/`` and a UUID."""
    size: int
    """The number of entries of the log."""
    root: bytes
    """The root hash of its Merkle tree (RFC 6962)."""


def verify_checkpoint(
    note: _t.Union[_BytesLike, str], verifier_keys: _t.Union[str, _t.Sequence[str]]
) -> Checkpoint:
    """Verifies a signed checkpoint (C2SP's tlog-checkpoint as a signed note), and returns it.

    ``verifier_keys`` are the trusted public keys, each as ``name+id+key``. A key whose name is the log's origin must have
    signed. Raises ``ERR_INVALID_CHECKPOINT`` if none has, or if a signature of a trusted key does not verify.
    """
    return Checkpoint(*_opened(note, verifier_keys))
