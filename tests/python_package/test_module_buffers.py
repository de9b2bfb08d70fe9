"""Tests every kind of bytes-like object, also while another thread changes it."""

import array
import contextlib
import ctypes
import itertools
import mmap
import threading

import pytest
from module_support import OVERHEAD, refused

import vetassist

KEY = vetassist.Key(bytes(32))
SIZES = [0, 1, 15, 16, 17, 1000, 16_384, (1 << 18) - 1, 1 << 18, 1 << 20]


@pytest.mark.parametrize("size", SIZES)
def test_all_kinds_of_buffers_are_sealed_and_opened_alike(size):
    data = bytes(number % 251 for number in range(size))
    backwards = memoryview(data[::-1])[::-1]
    kinds = [bytearray(data), memoryview(data), memoryview(bytearray(data)), memoryview(array.array("B", data)), backwards]
    if size:
        kinds.append(memoryview(data).cast("B", (1, size)))
        kinds.append(memoryview(bytearray(data)).toreadonly())
        kinds.append(memoryview(b"".join(bytes([one, 0]) for one in data))[::2])
        kinds.append(memoryview(array.array("b", memoryview(data).cast("b").tolist())))
        anonymous = mmap.mmap(-1, size)
        anonymous.write(data)
        kinds.append(memoryview(anonymous))
    for kind in kinds:
        sealed = KEY.seal(kind, kind)
        assert len(sealed) == size + 28
        for aad in (data, bytearray(data), memoryview(data)):
            assert KEY.open(sealed, aad) == data
        for form in (bytearray(sealed), memoryview(sealed), memoryview(sealed[::-1])[::-1]):
            assert KEY.open(form, kind) == data


def test_views_of_several_dimensions_are_read_in_their_order():
    grid = memoryview(bytes(range(24))).cast("B", (2, 3, 4))
    assert KEY.open(KEY.seal(grid)) == grid.tobytes() == bytes(range(24))
    assert KEY.open(KEY.seal(memoryview(ctypes.c_char(b"x")))) == b"x"


def test_results_are_new_bytes_objects():
    sealed = KEY.seal(b"x")
    assert type(sealed) is bytes
    assert type(KEY.open(sealed)) is bytes
    assert type(vetassist.generate_key()) is bytes
    assert len({vetassist.generate_key() for _ in range(100)}) == 100
    assert len({KEY.seal(b"x")[:12] for _ in range(10_000)}) == 10_000


def test_a_bytearray_argument_is_unchanged_and_released():
    given = bytearray(b"secret")
    sealed = KEY.seal(given, given)
    vetassist.Key(bytearray(32))
    assert given == b"secret"
    # The module must have released the buffer: a bytearray with an exported buffer cannot grow.
    given.extend(b"more")
    assert KEY.open(sealed, b"secret") == b"secret"


def test_released_views_and_views_of_larger_items_are_refused():
    view = memoryview(b"x" * 32)
    view.release()
    for call in (KEY.seal, KEY.open, vetassist.Key, vetassist.MasterKey, vetassist.KeyRing.parse):
        error = refused("ERR_DETACHED_BUFFER", call, view)
        assert isinstance(error, ValueError)
        refused("ERR_INVALID_ARG_TYPE", call, memoryview(bytes(64)).cast("I"))


@contextlib.contextmanager
def changing(buffer, contents):
    """Overwrites a buffer in another thread, over and over, each time in one step under the GIL."""
    stop = threading.Event()

    def change():
        for content in itertools.cycle(contents):
            if stop.is_set():
                return
            buffer[:] = content

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


# From 256 KiB on the GIL is released while a value is sealed or opened, so the other thread writes meanwhile.
@pytest.mark.parametrize("size", [1000, 1 << 17, 1 << 20])
def test_bytes_that_change_during_a_call_are_used_as_they_were_at_one_moment(size):
    """The module copies them while it holds the GIL, so they always come from exactly one of the overwrites."""
    fills = [bytes([number]) * size for number in range(5)]
    given = bytearray(size)
    with changing(given, fills):
        for _ in range(20):
            assert len(set(KEY.open(KEY.seal(given)))) == 1
            opened = KEY.open(KEY.seal(memoryview(given)[1:]))
            assert len(opened) == size - 1 and len(set(opened)) == 1
        texts = [KEY.seal(bytes(size), form) for form in (given, memoryview(given)) for _ in range(10)]
    for sealed in texts:
        assert sum(opens(sealed, fill) for fill in fills) == 1
    sealed = bytearray(size + OVERHEAD)
    contents = [KEY.seal(fill) for fill in fills]
    sealed[:] = contents[0]
    with changing(sealed, contents):
        for form in (sealed, memoryview(sealed)):
            for _ in range(20):
                assert len(set(KEY.open(form))) == 1
                assert len(set(KEY.open_text(form))) == 1


def opens(sealed, aad):
    """Returns true if a value opens with this AAD."""
    try:
        return KEY.open(sealed, aad) is not None
    except vetassist.OpenError:
        return False


def test_resizing_a_bytearray_during_a_call_does_no_harm():
    given = bytearray(1 << 18)
    stop = threading.Event()

    def resize():
        while not stop.is_set():
            del given[1000:]
            given.extend(bytes(1 << 18))

    thread = threading.Thread(target=resize)
    thread.start()
    try:
        for _ in range(500):
            assert not any(KEY.open(KEY.seal(given)))
    finally:
        stop.set()
        thread.join()
