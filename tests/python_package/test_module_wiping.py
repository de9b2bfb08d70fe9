"""A freed key is no longer in its process's memory, nor are the copies that calls made of it.

The parent searches the memory of a child, to which it passed the key in a bytearray. The stack is not searched, because
later calls overwrite it."""

import os
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
            memory.seek(start)
            found += memory.read(end - start).count(wanted)
    return found


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
