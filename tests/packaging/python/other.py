"""Opens the given values, checks the hashes, and seals the same values with the same keys. Reads and writes JSON."""

import json
import os
import sys
import uuid

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealing import fingerprint, keyed_hash, plain_hash, seal, unseal, user_cipher


def same(found, expected, what):
    if found != expected:
        raise SystemExit(f"{what}: {found!r} where {expected!r} was expected")


given = json.load(sys.stdin)
master = bytes.fromhex(given["master"])
same(given["fingerprint"], fingerprint(master), "the fingerprint")

answer = {"tokens": [], "values": []}
for case in given["tokens"]:
    cipher = user_cipher(master, uuid.UUID(case["user"]))
    same(unseal(cipher, bytes.fromhex(case["sealed"])), case["token"], f"a token of {case['user']}")
    answer["tokens"].append(seal(cipher, case["token"]).hex())

for case in given["values"]:
    cipher = AESGCM(bytes.fromhex(case["key"]))
    sealed, aad = bytes.fromhex(case["sealed"]), bytes.fromhex(case["aad"])
    value = cipher.decrypt(sealed[:12], sealed[12:], aad)
    same(value.hex(), case["value"], "a value")
    nonce = os.urandom(12)
    answer["values"].append((nonce + cipher.encrypt(nonce, value, aad)).hex())

for case in given["addresses"]:
    plain = plain_hash(case["address"])
    same(case["hash"], plain, f"the hash of {case['address']}")
    same(case["keyed"], keyed_hash(master, plain), f"the keyed hash of {case['address']}")

json.dump(answer, sys.stdout)
