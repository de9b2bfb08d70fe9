"""A freed key is no longer in its process's memory, nor are the copies that calls made of it.

The parent searches the memory of a child, to which it passed the key in a bytearray. The stack is not searched, because
later calls overwrite it."""

import os
import signal
import subprocess
import sys

import pytest

CHILD = """
import os, sys, vetassist
key = bytearray(32)
assert os.readv(0, [key]) == 32
def made(of):
    if of == "KeyRing":
        return vetassist.KeyRing([key])
    if of == "parsed":
        text = bytearray(64)
        for at in range(32):
            text[2 * at : 2 * at + 2] = b"%02x" % key[at]
        ring = vetassist.KeyRing.parse(text)
        text[:] = bytes(len(text))
        return ring
    return getattr(vetassist, of)(memoryview(key) if of == "MasterKey" else key)
secret = made(sys.argv[1])
for at in range(32):
    key[at] = 0
print("made", flush=True)
os.read(0, 1)
secret.free()
print("freed", flush=True)
os.read(0, 1)
"""


def count(pid, wanted):
    """Counts how often these bytes are in a process's memory, without its stack."""
    found = 0
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, rights, *_, name = line.split()
            if "w" not in rights or name == "[stack]":
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            found += read(memory, start, end).count(wanted)
    return found


def read(memory, start, end):
    """Reads a part of a process's memory, without the pages that guard the stacks of its threads."""
    memory.seek(start)
    try:
        found = memory.read(end - start)
    except OSError:
        found = b""
    size = os.sysconf("SC_PAGESIZE")
    if len(found) == end - start or end - start == size:
        return found
    return b"".join(read(memory, at, at + size) for at in range(start, end, size))


@pytest.mark.parametrize("of", ["Key", "MasterKey", "KeyRing", "parsed"])
def test_a_freed_key_is_wiped(of):
    key = os.urandom(32)
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", CHILD, of], stdin=pipe, stdout=pipe) as child:
        child.stdin.write(key)
        child.stdin.flush()
        assert child.stdout.readline() == b"made\n"
        # Only the object itself has the key. The round keys of AES-256 also begin with it.
        assert count(child.pid, key) == (2 if of == "Key" else 1)
        child.stdin.write(b"x")
        child.stdin.flush()
        assert child.stdout.readline() == b"freed\n"
        assert count(child.pid, key) == 0
        child.stdin.write(b"x")
        child.stdin.flush()
        assert child.wait() == 0


UNDER_WAY = """
import os, sys, threading, vetassist
# No other thread gets the GIL before the call releases it.
sys.setswitchinterval(100)
key, large = bytearray(32), bytes(256 << 20)
assert os.readv(0, [key]) == 32
secret = vetassist.Key(key)
key[:] = bytes(32)
def work():
    global sealed
    began.set()
    sealed = secret.seal(large)
began = threading.Event()
thread = threading.Thread(target=work)
thread.start()
began.wait()
secret.free()
os.write(1, b"freed\\n")
thread.join()
os.write(1, b"ended\\n")
os.read(0, 1)
assert len(sealed) == len(large) + 28
try:
    secret.seal(b"x")
except vetassist.FreedError:
    os.write(1, b"refused\\n")
"""


def test_a_key_that_is_freed_during_a_call_is_wiped_when_the_call_ends():
    pipe = subprocess.PIPE
    # The call of a child may end before the child is stopped, so several children may be needed.
    for _ in range(20):
        key = os.urandom(32)
        with subprocess.Popen([sys.executable, "-c", UNDER_WAY], stdin=pipe, stdout=pipe, bufsize=0) as child:
            try:
                child.stdin.write(key)
                assert child.stdout.readline() == b"freed\n"
                child.send_signal(signal.SIGSTOP)
                os.waitid(os.P_PID, child.pid, os.WSTOPPED)
                is_under_way = count(child.pid, key) > 0
                child.send_signal(signal.SIGCONT)
                assert child.stdout.readline() == b"ended\n"
                assert count(child.pid, key) == 0
                child.stdin.write(b"x")
                assert child.stdout.readline() == b"refused\n"
                assert child.wait() == 0
            finally:
                # A stopped child would never end.
                child.kill()
        if is_under_way:
            return
    raise AssertionError("no call was under way when its key was freed")
