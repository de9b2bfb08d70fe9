"""Tests every kind of bytes-like object, also while another thread changes it."""

import array
import mmap
import threading

import pytest
from module_support import refused

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


@pytest.mark.parametrize("size", [1000, 1 << 17])
def test_bytes_that_change_during_a_call_are_sealed_as_they_were_at_one_moment(size):
    """Another thread keeps overwriting the buffer. The module copies it while it holds the GIL, and each overwrite is one
    step under the GIL, so the sealed bytes always come from exactly one of them."""
    given = bytearray(size)
    stop = threading.Event()

    def change():
        fills = [bytes([number]) * size for number in range(7)]
        at = 0
        while not stop.is_set():
            at += 1
            given[:] = fills[at % 7]

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(200):
            opened = KEY.open(KEY.seal(given))
            assert len(set(opened)) == 1
            opened = KEY.open(KEY.seal(memoryview(given)[1:]))
            assert len(opened) == size - 1
    finally:
        stop.set()
        thread.join()


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
