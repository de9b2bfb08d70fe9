"""Measures the Python package beside the code of a backend by hand: `cryptography` with HKDF for each call, `hashlib` with
`ipaddress`.

    python bench/python/module.py [--short] [--json]

Times are processor times, the least of several rounds in turns, so that other work of the machine has little influence.
"""

import hashlib
import ipaddress
import json
import os
import sys
import time
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

import vetassist

USERS = [str(uuid.uuid4()) for _ in range(500)]
TOKEN = "t" * 1024
V4 = [str(ipaddress.IPv4Address(number * 7_919_773)) for number in range(1, 500)]
V6 = [str(ipaddress.IPv6Address(number * 7_919_773**5)) for number in range(1, 500)]

RAW = os.urandom(32)
RING = vetassist.KeyRing([RAW])
SEALED = {user_id: RING.encrypt_token(TOKEN, user_id) for user_id in USERS}


def derived(user_id):
    """Derives a user's key as a backend does by hand."""
    hkdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=b"vetassist_token_v1", info=user_id.encode())
    return AESGCM(hkdf.derive(RAW))


def by_hand(cipher, token):
    """Seals and opens by hand."""
    nonce = os.urandom(12)
    sealed = nonce + cipher.encrypt(nonce, token.encode(), None)
    return cipher.decrypt(sealed[:12], sealed[12:], None).decode()


def theirs_sealing(users):
    for user_id in users:
        nonce = os.urandom(12)
        nonce + derived(user_id).encrypt(nonce, TOKEN.encode(), None)


def theirs_opening(users):
    for user_id in users:
        sealed = SEALED[user_id]
        derived(user_id).decrypt(sealed[:12], sealed[12:], None).decode()


def ours_sealing(users):
    for user_id in users:
        RING.encrypt_token(TOKEN, user_id)


def ours_opening(users):
    for user_id in users:
        RING.decrypt_token(SEALED[user_id], user_id)


def ours_with_a_key(users):
    key = vetassist.MasterKey(RAW).derive_user_key(USERS[0])
    for _ in users:
        key.open_text(key.seal(TOKEN))


def theirs_with_a_key(users):
    cipher = derived(USERS[0])
    for _ in users:
        by_hand(cipher, TOKEN)


def ours_hashing(addresses):
    for address in addresses:
        vetassist.hash_ip(address)


def theirs_hashing(addresses):
    for address in addresses:
        parsed = ipaddress.ip_address(address)
        mapped = getattr(parsed, "ipv4_mapped", None)
        hashlib.sha256(str(mapped or parsed).encode()).hexdigest()


ONE = USERS[:1] * len(USERS)
# The compared pairs: the package, the code by hand, their values, and the goal: the highest ratio of the two times; None if there
# is no goal.
PAIRS = {
    "1 KiB sealed, random users": (ours_sealing, theirs_sealing, USERS, 0.35),
    "1 KiB opened, random users": (ours_opening, theirs_opening, USERS, 0.35),
    "1 KiB sealed, one user": (ours_sealing, theirs_sealing, ONE, 0.5),
    "1 KiB opened, one user": (ours_opening, theirs_opening, ONE, 0.5),
    "1 KiB sealed and opened, a key that is kept": (ours_with_a_key, theirs_with_a_key, USERS, None),
    "an IPv4 address hashed": (ours_hashing, theirs_hashing, V4, 0.6),
    "an IPv6 address hashed": (ours_hashing, theirs_hashing, V6, 0.6),
}


def took(call, values):
    started = time.process_time_ns()
    call(values)
    return time.process_time_ns() - started


def measure(rounds):
    """Returns for each pair the two times in nanoseconds a call, their ratio and the goal."""
    found = {}
    for name, (mine, other, values, goal) in PAIRS.items():
        least = [float("inf"), float("inf")]
        for _ in range(rounds):
            least = [min(before, took(call, values)) for before, call in zip(least, (mine, other))]
        times = [round(time / len(values)) for time in least]
        found[name] = {"ours_ns": times[0], "theirs_ns": times[1], "ratio": round(least[0] / least[1], 3), "goal": goal}
    return found


def main():
    found = measure(3 if "--short" in sys.argv else 15)
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    print(f"CPython {sys.version.split()[0]}; nanoseconds of the processor's time, the least of the rounds")
    for name, line in found.items():
        goal = "" if line["goal"] is None else f", at most {line['goal']}"
        print(f"{name}: {line['ours_ns']} beside {line['theirs_ns']}: {line['ratio']}{goal}")


if __name__ == "__main__":
    main()
