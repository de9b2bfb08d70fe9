"""Tests threads and processes: no nonce is used twice, also after forks, and no lock blocks a child."""

import concurrent.futures
import ctypes
import multiprocessing
import os
import subprocess
import sys
import threading

import pytest
from module_support import USER

import vetassist

RAW = bytes(32)
KEY = vetassist.Key(RAW)
RING = vetassist.KeyRing([RAW])
CLONE_NEWPID = 0x20000000


def nonces(count=200):
    """Seals some values, and returns their nonces."""
    sealed = [KEY.seal(b"x") for _ in range(count)] + [RING.encrypt_token("x", USER) for _ in range(count)]
    assert all(RING.decrypt_token(token, USER) == "x" for token in sealed[count:])
    return [value[:12].hex() for value in sealed]


def in_child(child):
    """Calls a function in a forked child, and returns the lines that it returned there."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "w") as pipe:
                pipe.write("\n".join(child()))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        lines = pipe.read().split("\n")
    assert os.waitpid(pid, 0)[1] == 0
    return lines


def test_children_never_repeat_a_nonce():
    """The children are forked after the first seal, like gunicorn's workers with --preload, and one forks again."""
    seen = nonces(10)
    for _ in range(20):
        seen += in_child(lambda: nonces(20))
        seen += nonces(10)
    seen += in_child(lambda: in_child(lambda: nonces(20)) + nonces(20))
    assert len(set(seen)) == len(seen)


def test_a_child_that_forks_before_the_first_seal_does_not_repeat_its_parents_nonces():
    code = """
import os, vetassist
key = vetassist.Key(bytes(32))
reading, writing = os.pipe()
for _ in range(4):
    if os.fork() == 0:
        os.write(writing, b"".join(key.seal(b"x")[:12].hex().encode() + b"\\n" for _ in range(50)))
        os._exit(0)
for _ in range(4):
    assert os.wait()[1] == 0
os.close(writing)
seen = os.read(reading, 1 << 16).split()
seen += [key.seal(b"x")[:12].hex().encode() for _ in range(50)]
print(len(seen), len(set(seen)))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["250", "250"]


def test_a_child_in_a_new_pid_namespace_does_not_repeat_nonces():
    """The child's process id is 1, as a parent's in a container may be, so the id cannot distinguish them."""
    libc = ctypes.CDLL(None, use_errno=True)

    def namespaced():
        assert libc.unshare(CLONE_NEWPID) == 0, os.strerror(ctypes.get_errno())
        found = in_child(lambda: [str(os.getpid()), *nonces(50)])
        assert found[0] == "1"
        return found[1:] + nonces(50)

    seen = nonces(50) + in_child(namespaced) + in_child(namespaced)
    assert len(set(seen)) == len(seen)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_forked_while_other_threads_seal_is_not_blocked():
    stop = threading.Event()
    small, large = b"x", bytes(1 << 16)

    def work():
        while not stop.is_set():
            KEY.seal(small)
            KEY.seal(large)
            vetassist.hash_ip_keyed("::1", RING)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(8):
            assert len(in_child(lambda: nonces(2))) == 4
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def sealed_elsewhere(number):
    """Seals some values in a process of a pool, and returns their nonces."""
    return [vetassist.Key(RAW).seal(str(number))[:12].hex() for _ in range(50)]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_a_pool_do_not_repeat_nonces(method):
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        seen = [nonce for some in pool.map(sealed_elsewhere, range(8)) for nonce in some]
        assert len(set(seen)) == len(seen) == 400
        with pytest.raises(vetassist.InvalidTypeError):
            pool.submit(repr, KEY).result()
        # An error arrives with its class and code.
        with pytest.raises(vetassist.OpenError) as caught:
            pool.submit(vetassist.decrypt, bytes(28), RAW).result()
        assert caught.value.code == "ERR_OPEN_FAILED"


def test_threads_can_share_keys():
    def work(number):
        seen = []
        for at in range(300):
            text = f"{number}.{at}"
            sealed = KEY.seal(text, text)
            assert KEY.open_text(sealed, text) == text
            token = RING.encrypt_token(text, USER)
            assert RING.decrypt_token(token, USER) == text
            seen += [sealed[:12], token[:12]]
        return seen

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        seen = [nonce for some in pool.map(work, range(8)) for nonce in some]
    assert len(set(seen)) == len(seen) == 4800


TURNS = """
import sys, threading, time, uuid, vetassist
# A thread that needs the GIL gets it only when the other one releases it.
sys.setswitchinterval(100)
key, ring, user = vetassist.Key(bytes(32)), vetassist.KeyRing([bytes(32)]), uuid.UUID(int=7)
data, seconds = bytes(int(sys.argv[1])), float(sys.argv[2])
text, sealed, token = data.decode(), key.seal(data), ring.encrypt_token(data.decode(), user)
calls = {
    "seal": lambda: key.seal(data),
    "bytearray": lambda: key.seal(bytearray(data)),
    "open": lambda: key.open(sealed),
    "open_text": lambda: key.open_text(sealed),
    "encrypt": lambda: vetassist.encrypt(data, bytes(32)),
    "encrypt_token": lambda: ring.encrypt_token(text, user),
    "decrypt_token": lambda: ring.decrypt_token(token, user),
}
for name, call in calls.items():
    turns, is_over = 0, False
    def work():
        global is_over
        until = time.monotonic() + seconds
        while turns < 10 and time.monotonic() < until:
            call()
        is_over = True
    thread = threading.Thread(target=work)
    thread.start()
    while not is_over:
        turns += 1
        time.sleep(0)
    thread.join()
    print(name, turns)
"""


@pytest.mark.parametrize("size, seconds, is_released", [((1 << 18) - 1, 0.2, False), (1 << 18, 60, True)])
def test_the_gil_is_released_from_the_documented_size_on(size, seconds, is_released):
    """The other thread gets its ten turns soon, or none however long it waits."""
    done = run(TURNS, str(size), str(seconds))
    assert done.returncode == 0, done.stderr
    turns = dict(line.split() for line in done.stdout.splitlines())
    assert len(turns) == 7
    for name, count in turns.items():
        assert int(count) >= 10 if is_released else int(count) <= 3, (name, turns)


def run(code, *arguments):
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


SUBINTERPRETER = """
import sys
if "first" not in sys.argv:
    import vetassist
for name in ("_interpreters", "_xxsubinterpreters"):
    try:
        interpreters = __import__(name)
    except ImportError:
        continue
    break
# With its own GIL, and with the GIL and the modules of the main interpreter.
made = [interpreters.create()]
for arguments, named in ((("legacy",), {}), ((), {"isolated": False})):
    try:
        made.append(interpreters.create(*arguments, **named))
    except TypeError:
        pass
code = '''
try:
    import vetassist
except ImportError as error:
    print("refused:", error)
else:
    print("not refused")
'''
run = getattr(interpreters, "run_string", None) or interpreters.exec
for interpreter in made:
    print(run(interpreter, code) or "ran", flush=True)
import vetassist
print(vetassist.Key(bytes(32)).open(vetassist.Key(bytes(32)).seal(b"still here")))
"""


@pytest.mark.parametrize("order", ["first", "after the main interpreter"])
def test_subinterpreters_are_refused_clearly(order):
    """The main interpreter can use the module also if a subinterpreter has tried to import it first."""
    done = run(SUBINTERPRETER, order)
    assert done.returncode == 0, done.stderr
    refusals = [line for line in done.stdout.split("\n") if line.startswith("refused:")]
    assert len(refusals) == done.stdout.count("ran\n") > 0, done
    assert all("subinterpreters" in refusal for refusal in refusals), done
    assert "not refused" not in done.stdout and "still here" in done.stdout


def test_free_threaded_python_is_refused_clearly():
    """The package has not been tested there. This test only pretends that the interpreter is free-threaded."""
    done = run("import sys; sys.abiflags += 't'\nimport vetassist")
    assert done.returncode == 1
    assert "ImportError: vetassist does not run on free-threaded CPython" in done.stderr


def test_a_program_may_end_while_threads_seal():
    code = """
import threading, time, vetassist
key = vetassist.Key(bytes(32))
def work():
    while True:
        key.open(key.seal(bytearray(4 << 20)))
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.1)
"""
    for _ in range(3):
        done = run(code)
        assert (done.returncode, done.stderr) == (0, "")
