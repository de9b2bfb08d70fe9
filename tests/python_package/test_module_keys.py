"""Tests keys and key rings: freeing, `with`, printing, and that they cannot be copied."""

import copy
import gc
import pickle
import threading
import weakref

import pytest
from module_support import USER, refused

import vetassist

RAW = bytes(range(32))
HEX = RAW.hex()
MAKE = [vetassist.Key, vetassist.MasterKey, lambda raw: vetassist.KeyRing([raw])]
USES = [
    (vetassist.Key, lambda key: key.seal("x")),
    (vetassist.Key, lambda key: key.open(bytes(28))),
    (vetassist.Key, lambda key: key.open_text(bytes(28))),
    (vetassist.Key, lambda key: key.seal_to_text("x")),
    (vetassist.Key, lambda key: key.open_from_text("x")),
    (vetassist.Key, lambda key: vetassist.encrypt("x", key)),
    (vetassist.Key, lambda key: vetassist.decrypt(bytes(28), key)),
    (vetassist.Key, lambda key: vetassist.decrypt_text(bytes(28), key)),
    (vetassist.MasterKey, lambda key: key.derive_user_key(USER)),
    (vetassist.MasterKey, lambda key: key.fingerprint()),
    (vetassist.MasterKey, lambda key: vetassist.MasterKey(key)),
    (vetassist.MasterKey, lambda key: vetassist.KeyRing([key])),
    (MAKE[2], lambda ring: ring.encrypt_token("x", USER)),
    (MAKE[2], lambda ring: ring.decrypt_token(bytes(28), USER)),
    (MAKE[2], lambda ring: ring.fingerprints()),
    (MAKE[2], len),
] + [
    (make, use)
    for make in MAKE[1:]
    for use in (
        vetassist.fingerprint,
        lambda key: vetassist.hash_ip_keyed("::1", key),
        lambda key: vetassist.upgrade_ip_hash("a" * 64, key),
        lambda key: vetassist.hash_device({"ip": "::1"}, key),
    )
]


@pytest.mark.parametrize("make, use", USES)
def test_a_freed_key_cannot_be_used(make, use):
    key = make(RAW)
    key.free()
    refused("ERR_FREED", use, key)
    key.free()
    with make(RAW) as key:
        assert type(key) is type(make(RAW))
    assert isinstance(refused("ERR_FREED", use, key), vetassist.FreedError)
    with pytest.raises(ZeroDivisionError):
        with make(RAW) as key:
            _ = 1 / 0
    refused("ERR_FREED", use, key)


def test_keys_made_from_a_key_outlive_it():
    master = vetassist.MasterKey(RAW)
    key, ring, again = master.derive_user_key(USER), vetassist.KeyRing([master]), vetassist.MasterKey(master)
    master.free()
    token = ring.encrypt_token("x", USER)
    assert key.open_text(token) == "x"
    assert again.derive_user_key(USER).open_text(token) == "x"


@pytest.mark.parametrize("make", MAKE)
def test_a_key_is_neither_copied_nor_pickled(make):
    key = make(RAW)
    for call in (copy.copy, copy.deepcopy, lambda key: copy.deepcopy({"key": [key]})):
        assert isinstance(refused("ERR_NOT_COPYABLE", call, key), TypeError)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        refused("ERR_NOT_COPYABLE", pickle.dumps, key, protocol)


@pytest.mark.parametrize("make", MAKE)
def test_a_key_never_prints_itself(make):
    key = make(RAW)
    for text in (repr(key), str(key), f"{key}", f"{[key]}"):
        assert text.strip("[]").startswith("<vetassist.") and HEX[:8] not in text and str(RAW)[2:10] not in text
    key.free()
    assert repr(key).endswith(", freed>")


@pytest.mark.parametrize("make", MAKE)
def test_keys_have_no_settable_attributes_and_no_subclasses(make):
    key = make(RAW)
    for name in ("new", "held", "seal", "free", "__class__", "__dict__"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(key, name, 1)
        with pytest.raises((AttributeError, TypeError)):
            delattr(key, name)
    assert not hasattr(key, "__dict__")
    with pytest.raises(TypeError):
        type("Sub", (type(key),), {})
    with pytest.raises(TypeError):
        weakref.ref(key)
    assert key != make(RAW) and key == key and hash(key) == hash(key)


def test_a_key_cannot_be_made_without_its_constructor():
    for of in (vetassist.Key, vetassist.MasterKey, vetassist.KeyRing):
        for call in (of, lambda of: of.__new__(of), object.__new__, lambda of: object.__reduce_ex__(of, 2)[0](of, object, None)):
            with pytest.raises(TypeError):
                call(of)
        with pytest.raises(TypeError):
            of.free(object())


def test_errors_survive_pickling():
    """A pool of processes pickles the errors of its calls."""
    error = refused("ERR_SECRET_IN_METADATA", vetassist.check_event_data, {"password": "hunter2"})
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.code, str(again), again.path) == (type(error), error.code, str(error), "event_data.password")
    assert (repr(error), copy.copy(error).code) == (repr(again), error.code)


def test_a_call_completes_if_its_key_is_freed_meanwhile():
    """Large values are sealed without the GIL, so another thread can free the key during the call."""
    large = bytes(4 << 20)
    for _ in range(20):
        key = vetassist.Key(RAW)
        outcomes = []

        def work(key=key, outcomes=outcomes):
            try:
                while True:
                    outcomes.append(key.seal(large))
            except vetassist.FreedError:
                outcomes.append(None)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        while not outcomes:
            pass
        key.free()
        for thread in threads:
            thread.join()
        assert outcomes.count(None) == 2
        other = vetassist.Key(RAW)
        assert all(other.open(sealed) == large for sealed in outcomes if sealed is not None)


def test_a_key_in_a_reference_cycle_is_collected():
    circle = [vetassist.Key(RAW)]
    circle.append(circle)
    del circle
    assert gc.collect() >= 1
