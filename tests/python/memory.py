"""Searches a process's memory for bytes that a debugger, a core dump or a swapped page would show.

memory.py scan PID HEX...   searches now
memory.py exit PID HEX...   waits until the process is about to exit, and searches then

Prints a line of JSON: for each HEX the places, each with the name of its mapping and the kernel's flags of it (proc(5),
smaps: "lo" is locked into memory, "dd" is left out of core dumps). Needs the right to trace the process.
"""

import ctypes
import json
import os
import sys

PTRACE_CONT, PTRACE_SEIZE = 7, 0x4206
PTRACE_O_TRACEEXIT, PTRACE_EVENT_EXIT = 1 << 6, 6
WALL = 0x40000000


def mappings(pid):
    """Returns (start, end, name, flags) of each mapping that can be read and written."""
    found, flags = [], {}
    with open(f"/proc/{pid}/smaps") as smaps:
        for line in smaps:
            words = line.split()
            if not words[0].endswith(":"):
                start, end = (int(edge, 16) for edge in words[0].split("-"))
                found.append((start, end, " ".join(words[5:]), words[1]))
            elif words[0] == "VmFlags:":
                flags[found[-1][0]] = words[1:]
    return [(start, end, name, flags.get(start, [])) for start, end, name, access in found if access.startswith("rw")]


def places(pid, needles):
    found = {needle.hex(): [] for needle in needles}
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for start, end, name, flags in mappings(pid):
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue
            for needle in needles:
                at = content.find(needle)
                while at >= 0:
                    found[needle.hex()].append({"at": hex(start + at), "name": name, "flags": flags})
                    at = content.find(needle, at + 1)
    return found


def wait_for_exit(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(PTRACE_SEIZE, pid, None, PTRACE_O_TRACEEXIT) != 0:
        raise OSError(ctypes.get_errno(), "cannot trace the process")
    print("tracing", flush=True)
    while True:
        _, status = os.waitpid(pid, WALL)
        if status >> 16 == PTRACE_EVENT_EXIT:
            return lambda: libc.ptrace(PTRACE_CONT, pid, None, None)
        # Any other stop is for a signal, which is passed on to the process.
        libc.ptrace(PTRACE_CONT, pid, None, os.WSTOPSIG(status) if os.WIFSTOPPED(status) else None)


def main(mode, pid, *needles):
    pid, needles = int(pid), [bytes.fromhex(needle) for needle in needles]
    if mode == "scan":
        print(json.dumps(places(pid, needles)))
    else:
        go_on = wait_for_exit(pid)
        print(json.dumps(places(pid, needles)))
        go_on()


main(*sys.argv[1:])
