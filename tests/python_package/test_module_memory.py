"""Memory use does not grow, whichever function is called and whether it succeeds.

VETASSIST_TEST_ALL=1 makes ten million calls."""

import gc
import os

import pytest
from module_support import USER

import vetassist

RAW = bytes(32)
ROUNDS = 5_000_000 if os.environ.get("VETASSIST_TEST_ALL") else 80_000
# The interpreter's allocators may keep or return this much memory.
SLACK = 2 << 20


def resident():
    """Returns how many bytes of this process are in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


KEY = vetassist.Key(RAW)
RING = vetassist.KeyRing([RAW, b"\1" * 32])
TOKEN = RING.encrypt_token("x" * 1000, USER)
MEGABYTE = bytes(1 << 20)


def fails(call, *arguments):
    """Makes a call that must raise an error."""
    try:
        call(*arguments)
    except vetassist.VetassistError:
        return
    raise AssertionError("not refused")


def seals_and_opens():
    return KEY.open(KEY.seal(bytearray(1000), "aad"), memoryview(b"aad"))


def seals_tokens():
    return RING.decrypt_token(RING.encrypt_token("x" * 1000, USER), USER)


def makes_keys():
    with vetassist.MasterKey("ab" * 32) as key:
        return vetassist.KeyRing([key, RAW]), key.derive_user_key(USER), vetassist.KeyRing.parse("ab" * 32)


def hashes():
    return vetassist.hash_ip_keyed("2001:db8::1", RING), vetassist.fingerprint(RAW)


def walks_json():
    vetassist.check_event_data({"list": [1, 2.5, None, {"text": "é" * 100}], "big": 10**30})
    return vetassist.hash_device({"ip": "::1", "agent": ["x", {"y": "203.0.113.7"}]}, RING)


def fails_to_open():
    fails(KEY.open, TOKEN)
    fails(RING.decrypt_token, TOKEN, USER.replace("1", "2"))


def fails_in_arguments():
    fails(KEY.seal, 5)
    fails(KEY.seal, "\ud800" * 100)
    fails(vetassist.KeyRing, [RAW, "short"])
    fails(vetassist.check_event_data, {"users": [{"password": "hunter2"}]})
    fails(vetassist.hash_ip, "x" * 100)


def seals_without_the_gil():
    return len(KEY.seal(MEGABYTE))


CALLS = [seals_and_opens, seals_tokens, makes_keys, hashes, walks_json, fails_to_open, fails_in_arguments, seals_without_the_gil]


@pytest.mark.parametrize("call", CALLS)
def test_memory_use_does_not_grow(call):
    # Each of these functions calls the package several times.
    rounds = ROUNDS // {seals_without_the_gil: 800, fails_in_arguments: 10, walks_json: 10}.get(call, 4)
    for _ in range(rounds // 4):
        call()
    gc.collect()
    before = resident()
    for _ in range(rounds):
        call()
    gc.collect()
    assert resident() - before < SLACK


def test_a_leak_is_detected():
    """This shows that the measurement can fail."""
    before, kept = resident(), []
    for number in range(50_000):
        kept.append(KEY.seal(bytes(1000 + number % 2)))
    assert resident() - before > SLACK
