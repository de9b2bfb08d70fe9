"""Implements the audit log with the standard library and `cryptography`, independently of the core.

Reads claims about a log from standard input, checks each claim, and prints their number:
`python audit_log.py < claims.json`. `tests/go/judge.go` describes the claims.
"""

import base64
import datetime
import hashlib
import json
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Refused(Exception):
    """Raised if a claim is false."""


# Fields, commitments and entries


def field(value) -> bytes:
    if value is None:
        return b"\0"
    value = value if isinstance(value, bytes) else str(value).encode()
    return b"\1" + len(value).to_bytes(4, "big") + value


def entry(kind: str, *fields) -> bytes:
    return f"vetassist {kind} v1".encode() + b"\0" + b"".join(map(field, fields))


def micros(instant) -> str:
    """Returns a time as text. `infinity` and `-infinity` are unchanged."""
    if isinstance(instant, datetime.datetime):
        return str((instant - EPOCH) // datetime.timedelta(microseconds=1))
    return str(instant)


def commitment(salt: bytes, value) -> bytes:
    return hashlib.sha256(b"vetassist value v1\0" + salt + field(value)).digest()


def row(id, user_id, event_type, event_data, ip_hash, created_at, event_data_salt, ip_hash_salt) -> bytes:
    created_at = None if created_at is None else micros(created_at)
    event_data = commitment(event_data_salt, event_data)
    return entry("row", id, user_id, event_type, created_at, event_data, commitment(ip_hash_salt, ip_hash))


def multirange(entries) -> str:
    """Returns entries as PostgreSQL prints an int8multirange."""
    ranges = []
    for place in sorted(set(entries)):
        if ranges and ranges[-1][1] == place:
            ranges[-1][1] = place + 1
        else:
            ranges.append([place, place + 1])
    return "{" + ",".join(f"[{lower},{upper})" for lower, upper in ranges) + "}"


# Trees


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def root(leaves) -> bytes:
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    half = split(len(leaves))
    return node_hash(root(leaves[:half]), root(leaves[half:]))


def inclusion(leaves, index: int):
    if len(leaves) == 1:
        return []
    half = split(len(leaves))
    if index < half:
        return inclusion(leaves[:half], index) + [root(leaves[half:])]
    return inclusion(leaves[half:], index - half) + [root(leaves[:half])]


def consistency(leaves, size: int, is_whole: bool = True):
    if size in (0, len(leaves)):
        return [] if is_whole else [root(leaves)]
    half = split(len(leaves))
    if size <= half:
        return consistency(leaves[:half], size, is_whole) + [root(leaves[half:])]
    return consistency(leaves[half:], size - half, False) + [root(leaves[:half])]


def root_by_inclusion(leaf: bytes, index: int, size: int, proof) -> bytes:
    """Returns the root that follows from a proof."""
    if not 0 <= index < size:
        raise Refused("no such entry")
    if size == 1:
        if proof:
            raise Refused("the proof is too long")
        return leaf
    if not proof:
        raise Refused("the proof is too short")
    half = split(size)
    if index < half:
        return node_hash(root_by_inclusion(leaf, index, half, proof[:-1]), proof[-1])
    return node_hash(proof[-1], root_by_inclusion(leaf, index - half, size - half, proof[:-1]))


def roots_by_consistency(size: int, to_size: int, proof, former: bytes, is_whole: bool = True):
    """Returns the two roots that follow from a proof; 0 < size <= to_size."""
    if size == to_size:
        if is_whole:
            if proof:
                raise Refused("the proof is too long")
            return former, former
        if len(proof) != 1:
            raise Refused("the proof has the wrong length")
        return proof[0], proof[0]
    if not proof:
        raise Refused("the proof is too short")
    half = split(to_size)
    if size <= half:
        old, new = roots_by_consistency(size, half, proof[:-1], former, is_whole)
        return old, node_hash(new, proof[-1])
    old, new = roots_by_consistency(size - half, to_size - half, proof[:-1], former, False)
    return node_hash(proof[-1], old), node_hash(proof[-1], new)


def check_consistency(size: int, old: bytes, to_size: int, new: bytes, proof) -> None:
    if size == 0:
        if proof or old != root([]):
            raise Refused("everything continues the empty tree, without a proof")
    elif size > to_size or roots_by_consistency(size, to_size, proof, old) != (old, new):
        raise Refused("the one does not continue the other")


# Checkpoints and notes


def checkpoint(origin: str, size: int, root_hash: bytes) -> str:
    return f"{origin}\n{size}\n{base64.b64encode(root_hash).decode()}\n"


def read_checkpoint(text: str):
    uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    found = re.fullmatch(f"(vetassist/{uuid})\n(0|[1-9][0-9]*)\n([A-Za-z0-9+/]{{43}}=)\n", text)
    if not found:
        raise Refused("no checkpoint")
    origin, size, root_hash = found[1], int(found[2]), base64.b64decode(found[3])
    if base64.b64encode(root_hash).decode() != found[3] or size >= 1 << 63:
        raise Refused("no checkpoint")
    if size == 0 and root_hash != root([]):
        raise Refused("not the root of an empty tree")
    return origin, size, root_hash


def key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n\1" + public).digest()[:4]


def verifier(name: str, seed: bytes) -> str:
    raw = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(*raw)
    return f"{name}+{key_id(name, public).hex()}+{base64.b64encode(bytes([1]) + public).decode()}"


def sign(text: str, name: str, *seeds: bytes) -> str:
    lines = ""
    for seed in seeds:
        signature = Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())
        identity = bytes.fromhex(verifier(name, seed).split("+")[1])
        lines += f"\u2014 {name} {base64.b64encode(identity + signature).decode()}\n"
    return f"{text}\n{lines}"


def is_name(name: str) -> bool:
    return bool(name) and not re.search(r"[\s+\x00-\x1f\x7f]", name)


def read_verifier(text: str):
    name, identity, encoded = text.split("+", 2)
    key = base64.b64decode(encoded, validate=True)
    if len(key) != 33 or key[0] != 1 or key_id(name, key[1:]).hex() != identity or not is_name(name):
        raise Refused("no verifier key")
    return (name, bytes.fromhex(identity)), Ed25519PublicKey.from_public_bytes(key[1:])


def open_note(note: bytes, verifiers) -> str:
    """Returns the text that one of the keys signed."""
    known = dict(map(read_verifier, verifiers))
    if len(note) > 1_000_000:
        raise Refused("too long")
    try:
        text = note.decode()
    except UnicodeDecodeError:
        raise Refused("no text") from None
    if re.search(r"[\x00-\x09\x0b-\x1f]", text):
        raise Refused("a control character")
    body, blank, lines = text.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise Refused("no signatures")
    body, lines = body + "\n", lines[:-1].split("\n")
    if len(lines) > 100:
        raise Refused("too many signatures")
    signed = False
    for line in lines:
        found = re.fullmatch("\u2014 ([^ ]+) ([A-Za-z0-9+/]+={0,2})", line)
        if not found or not is_name(found[1]):
            raise Refused("no signature")
        try:
            signature = base64.b64decode(found[2], validate=True)
        except ValueError:
            raise Refused("no base64") from None
        if len(signature) < 5 or base64.b64encode(signature).decode() != found[2]:
            raise Refused("no signature")
        key = known.get((found[1], signature[:4]))
        if key:
            try:
                key.verify(signature[4:], body.encode())
            except InvalidSignature:
                raise Refused("a signature of a known key does not verify") from None
            signed = True
    if not signed:
        raise Refused("no known key signed")
    return body


# Claims


def check(claims) -> int:
    """Checks each claim, and returns their number."""
    leaves = list(map(bytes.fromhex, claims["leaves"]))
    hashes = list(map(leaf_hash, leaves))
    count = 0
    for claim in claims.get("rows", []):
        salts = bytes.fromhex(claim["salt_event_data"]), bytes.fromhex(claim["salt_ip_hash"])
        if row(*claim["fields"], *salts).hex() not in claims["row_data"]:
            raise Refused(f"the row {claim['fields'][0]}")
        count += 1
    for note in claims["notes"]:
        origin, size, root_hash = read_checkpoint(open_note(note.encode(), claims["verifiers"]))
        if origin != claims["origin"] or root_hash != root(hashes[:size]):
            raise Refused(f"the note of size {size}")
        count += 1
    for claim in claims["inclusion"]:
        index, size = claim["entry"], claim["size"]
        proof = list(map(bytes.fromhex, claim["proof"]))
        if root_by_inclusion(hashes[index], index, size, proof) != root(hashes[:size]):
            raise Refused(f"{index} in {size}")
        if proof != inclusion(hashes[:size], index):
            raise Refused(f"another proof of {index} in {size}")
        count += 1
    for claim in claims["consistency"]:
        size, to_size = claim["from"], claim["to"]
        proof = list(map(bytes.fromhex, claim["proof"]))
        check_consistency(size, root(hashes[:size]), to_size, root(hashes[:to_size]), proof)
        if proof != consistency(hashes[:to_size], size):
            raise Refused(f"another proof from {size} to {to_size}")
        count += 1
    for refused in claims["refused"]:
        try:
            read_checkpoint(open_note(refused["note"].encode(), claims["verifiers"]))
        except Refused:
            count += 1
        else:
            raise Refused(f"this note was opened: {refused['why']}")
    return count


if __name__ == "__main__":
    print(check(json.load(sys.stdin)))
