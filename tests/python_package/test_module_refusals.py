"""Tests hostile arguments: every function with every wrong type, with wrong sizes, and with huge values. Each is refused
with its code, and the module keeps working."""

import array
import datetime
import decimal
import inspect
import ipaddress
import sys
import uuid

import pytest
from module_support import OVERHEAD, USER, refused

import vetassist

RAW = bytes(range(32))
KEY = vetassist.Key(RAW)
MASTER = vetassist.MasterKey(RAW)
RING = vetassist.KeyRing([RAW])
SEALED = KEY.seal(b"x")
TOKEN = RING.encrypt_token("x", USER)
HASH = "a" * 64
TYPE = "ERR_INVALID_ARG_TYPE"


class Lying:
    """Claims to be bytes, and raises an error in every method."""

    __class__ = bytes

    def __bytes__(self):
        raise AssertionError("the module called a method of the argument")

    __str__ = __repr__ = __index__ = __len__ = __iter__ = __bytes__


class LyingType(type):
    """A type whose name cannot be read."""

    __name__ = property(lambda cls: 1 / 0)


class Nameless(metaclass=LyingType):
    pass


class LyingAddress:
    """Claims to be an address."""

    __class__ = ipaddress.IPv4Address

    def __str__(self):
        return "203.0.113.7"


class LyingId:
    """Claims to be a UUID."""

    __class__ = uuid.UUID
    int = 5


class Unclassed:
    """Raises an error when its class is asked for."""

    __class__ = property(lambda self: 1 / 0)


class OwnBytes(bytes):
    """Bytes whose methods return other bytes."""

    def __bytes__(self):
        return b"other"


class OwnBytearray(bytearray):
    """A bytearray whose methods return a number and other bytes."""

    def __index__(self):
        return 3

    def __bytes__(self):
        return b"other"

    def __buffer__(self, flags):
        return memoryview(b"other")


class OwnText(str):
    """Text whose methods return other text."""

    def __str__(self):
        return "other"

    def encode(self, *_):
        return b"other"


WRONG = [
    5,
    1.5,
    True,
    object(),
    [1, 2],
    (1, 2),
    {},
    {"a": 1},
    set(),
    range(3),
    lambda: 1,
    iter(b"x"),
    array.array("B", b"x" * 32),
    array.array("I", [1, 2]),
    memoryview(array.array("I", [1] * 8)),
    decimal.Decimal(1),
    datetime.datetime(2026, 1, 1),
    Lying(),
    LyingAddress(),
    LyingId(),
    Unclassed(),
    Nameless(),
    Nameless,
    Ellipsis,
    10**1000,
    KeyError("x"),
]
NO_TEXT = ("\ud800", "ERR_INVALID_TEXT")


def values(*more, without=()):
    """Returns the values of WRONG that are not of the types `without`, each with its code, and `more`."""
    return [(value, TYPE) for value in WRONG if not issubclass(type(value), without)] + list(more)


DATA = values((None, TYPE), NO_TEXT)
BYTES = values((None, TYPE), ("text", TYPE))
OPTIONAL = values(NO_TEXT)
TEXT = values((None, TYPE), (RAW, TYPE), (bytearray(RAW), TYPE), NO_TEXT)
JSON = [(object(), TYPE), ({1: 2}, TYPE), ([set()], TYPE), (b"x", TYPE), (float("inf"), TYPE), (["\ud800"], "ERR_INVALID_TEXT")]
MASTERS = values((None, TYPE), NO_TEXT)

CALLS = [
    (DATA, lambda value: KEY.seal(value)),
    (OPTIONAL, lambda value: KEY.seal("x", value)),
    (BYTES, lambda value: KEY.open(value)),
    (OPTIONAL, lambda value: KEY.open(SEALED, value)),
    (BYTES, lambda value: KEY.open_text(value)),
    (OPTIONAL, lambda value: KEY.open_text(SEALED, value)),
    (DATA, lambda value: KEY.seal_to_text(value)),
    (OPTIONAL, lambda value: KEY.seal_to_text("x", value)),
    (TEXT, lambda value: KEY.open_from_text(value)),
    (OPTIONAL, lambda value: KEY.open_from_text(KEY.seal_to_text("x"), value)),
    (DATA, lambda value: vetassist.encrypt(value, RAW)),
    (BYTES, lambda value: vetassist.encrypt("x", value)),
    (OPTIONAL, lambda value: vetassist.encrypt("x", KEY, value)),
    (BYTES, lambda value: vetassist.decrypt(value, KEY)),
    (BYTES, lambda value: vetassist.decrypt(SEALED, value)),
    (OPTIONAL, lambda value: vetassist.decrypt(SEALED, KEY, value)),
    (BYTES, lambda value: vetassist.decrypt_text(value, RAW)),
    (BYTES, lambda value: vetassist.decrypt_text(SEALED, value)),
    (OPTIONAL, lambda value: vetassist.decrypt_text(SEALED, KEY, value)),
    (BYTES, lambda value: vetassist.Key(value)),
    (MASTERS, lambda value: vetassist.MasterKey(value)),
    (MASTERS, lambda value: vetassist.KeyRing([value])),
    (values((None, TYPE), ("a" * 64, TYPE), (RAW, TYPE), without=(list, tuple)), lambda value: vetassist.KeyRing(value)),
    (DATA, lambda value: vetassist.KeyRing.parse(value)),
    (TEXT, lambda value: MASTER.derive_user_key(value)),
    (TEXT, lambda value: RING.encrypt_token(value, USER)),
    (TEXT, lambda value: RING.encrypt_token("x", value)),
    (values((None, TYPE), without=bool), lambda value: RING.decrypt_token(TOKEN, USER, with_position=value)),
    (BYTES, lambda value: RING.decrypt_token(value, USER)),
    (TEXT, lambda value: RING.decrypt_token(TOKEN, value)),
    (TEXT, lambda value: vetassist.hash_ip(value)),
    (TEXT, lambda value: vetassist.hash_ip_keyed(value, RAW)),
    (MASTERS, lambda value: vetassist.hash_ip_keyed("::1", value)),
    (TEXT, lambda value: vetassist.upgrade_ip_hash(value, RAW)),
    (MASTERS, lambda value: vetassist.upgrade_ip_hash(HASH, value)),
    (MASTERS, lambda value: vetassist.fingerprint(value)),
    (JSON, lambda value: vetassist.hash_device(value)),
    (values(NO_TEXT), lambda value: vetassist.hash_device({}, value)),
    (JSON, lambda value: vetassist.check_event_data(value)),
    (TEXT, lambda value: vetassist.check_event_type(value)),
    (values((None, TYPE), ("x", TYPE), without=(list, tuple)), lambda value: vetassist.check_schema(value)),
    (DATA, lambda value: vetassist.verify_checkpoint(value, "x")),
    (values((None, TYPE), (RAW, TYPE)), lambda value: vetassist.verify_checkpoint("x", value)),
    (TEXT[:-1], lambda value: vetassist.address_of(value) if value is not None else vetassist.address_of(5)),
    (values((None, TYPE), ("1", TYPE), (-1, TYPE), without=int) + [(True, TYPE)], lambda value: vetassist.address_of("::1", value)),
    (values((None, TYPE), ("x", TYPE), (RAW, TYPE), without=(dict, type(Nameless))), lambda value: vetassist.parse_user(value)),
]


@pytest.mark.parametrize("wrong, call", CALLS, ids=lambda value: None if isinstance(value, list) else inspect.getsource(value).strip()[:70])
def test_wrong_types_are_refused(wrong, call):
    for value, code in wrong:
        error = refused(code, call, value)
        assert isinstance(error, TypeError if code == TYPE else ValueError)
        assert "object at 0x" not in str(error)
    assert KEY.open_text(KEY.seal("still here")) == "still here"


def test_every_public_call_is_in_the_table_above():
    text = inspect.getsource(sys.modules[__name__])
    functions = [name for name in vetassist.__all__ if inspect.isroutine(getattr(vetassist, name))]
    taking_none = {"generate_key"}
    # Their code is the same as that of parse_user, which is in the table.
    alike = {"parse_va_token", "parse_session", "parse_auth_audit"}
    missing = [name for name in functions if f"vetassist.{name}(" not in text]
    assert set(missing) - taking_none - alike == set()
    for of in (vetassist.Key, vetassist.MasterKey, vetassist.KeyRing):
        methods = [name for name in vars(of) if not name.startswith("_")]
        missing = [name for name in methods if f".{name}(" not in text]
        assert set(missing) <= {"free", "fingerprint", "fingerprints"}, of


@pytest.mark.parametrize("arguments, named", [((), {}), ((1, 2, 3, 4, 5), {}), ((b"x",), {"other": 1}), ((b"x",), {"plaintext": 1})])
def test_wrong_numbers_of_arguments_are_type_errors(arguments, named):
    calls = (KEY.seal, vetassist.encrypt, RING.encrypt_token, vetassist.hash_ip, vetassist.Key, vetassist.MasterKey)
    for call in calls:
        with pytest.raises(TypeError):
            call(*arguments, **named)


def test_subclasses_are_read_without_calling_their_methods():
    assert KEY.open(KEY.seal(OwnBytes(b"held"))) == b"held"
    assert KEY.open(KEY.seal(OwnBytearray(b"held"))) == b"held"
    assert KEY.open(KEY.seal(OwnText("held"))) == b"held"
    assert vetassist.Key(OwnBytearray(RAW)).open(SEALED) == b"x"
    assert vetassist.hash_ip(OwnText("::1")) == vetassist.hash_ip("::1")


def test_addresses_and_ids_may_be_objects():
    for text in ("203.0.113.7", "2001:db8::1"):
        assert vetassist.hash_ip(ipaddress.ip_address(text)) == vetassist.hash_ip(text)
    mapped = ipaddress.ip_address("::ffff:203.0.113.7")
    assert vetassist.hash_ip(mapped) == vetassist.hash_ip("203.0.113.7")
    for no_host in (ipaddress.ip_interface("203.0.113.7/24"), ipaddress.ip_interface("::1/64"), ipaddress.ip_address("fe80::1%1")):
        refused("ERR_INVALID_ADDRESS", vetassist.hash_ip, no_host)
    refused(TYPE, vetassist.hash_ip, ipaddress.ip_network("203.0.113.0/24"))
    token = RING.encrypt_token("x", uuid.UUID(USER))
    assert RING.decrypt_token(token, USER) == RING.decrypt_token(token, uuid.UUID(USER)) == "x"


@pytest.mark.parametrize("size", [0, 1, 16, 31, 33, 64])
def test_keys_of_wrong_sizes_are_refused(size):
    raw = bytes(size)
    for call in (vetassist.Key, vetassist.MasterKey, vetassist.fingerprint, lambda raw: vetassist.encrypt("x", raw)):
        for value in (raw, bytearray(raw), memoryview(raw)):
            refused("ERR_INVALID_KEY", call, value)
    for text in ("a" * (63 if size == 64 else size), "g" * 64, "é" * 64, "a" * 63 + "\0", " " + "a" * 63):
        refused("ERR_INVALID_KEY", vetassist.MasterKey, text)


@pytest.mark.parametrize("size", range(OVERHEAD))
def test_short_values_are_refused(size):
    for call in (KEY.open, KEY.open_text, lambda sealed: RING.decrypt_token(sealed, USER)):
        refused("ERR_SEALED_TOO_SHORT", call, bytes(size))


@pytest.mark.parametrize("wrong", ["", "x", USER.replace("-", ""), "{" + USER + "}", "urn:uuid:" + USER, USER + " ", USER[:-1], "g" + USER[1:], USER[:-1] + "é"])
def test_wrong_ids_are_refused(wrong):
    for call in (MASTER.derive_user_key, lambda wrong: RING.encrypt_token("x", wrong), lambda wrong: RING.decrypt_token(TOKEN, wrong)):
        refused("ERR_INVALID_USER_ID", call, wrong)


def test_invalid_rings_are_refused():
    keys = [bytes([number]) * 32 for number in range(17)]
    assert len(vetassist.KeyRing(keys[:16])) == 16
    for wrong in ([], keys, [RAW, RAW], [RAW, MASTER]):
        refused("ERR_INVALID_KEY_RING", vetassist.KeyRing, wrong)
    refused("ERR_INVALID_KEY", vetassist.KeyRing, [RAW, b"short"])


@pytest.mark.parametrize("wrong", ["{}==", "{}=", " {}", "{}\n", "{}AAA", "{}\0", "é{}", "{}!"])
def test_text_that_is_not_a_sealed_value_is_refused(wrong):
    known = "AAAAAAAAAAAAAAAAUw-K-8dFNrmpY7TxxMtziw"
    assert vetassist.Key(bytes(32)).open_from_text(known) == ""
    refused("ERR_INVALID_SEALED_TEXT", KEY.open_from_text, wrong.format(known))
    for other in (known.replace("-", "+"), known[:-1] + "x"):
        refused("ERR_INVALID_SEALED_TEXT", KEY.open_from_text, other)


def test_invalid_utf8_is_refused_and_not_quoted():
    sealed = KEY.seal(b"secret \xff")
    error = refused("ERR_NOT_UTF8", KEY.open_text, sealed)
    assert "secret" not in repr(error)
    refused("ERR_NOT_UTF8", KEY.open_from_text, KEY.seal_to_text(b"\xff"))
    error = refused("ERR_INVALID_TEXT", KEY.seal, "secret \ud800")
    assert "secret" not in repr(error)


def test_values_too_large_for_the_memory_are_refused():
    """This runs in a child with little memory, because the system may grant more memory than there is."""
    import subprocess

    code = """
import resource, vetassist
key = vetassist.Key(bytes(32))
given = bytearray(1 << 28)
sealed = key.seal(given)
view = memoryview(given)
most, long = bytes(13 << 20), "A" * (1 << 26)
used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 24), resource.RLIM_INFINITY))
for call in (lambda: key.seal(given), lambda: key.seal(view), lambda: key.open(sealed), lambda: key.open_text(sealed),
             lambda: key.seal(sealed), lambda: key.seal_to_text(sealed), lambda: key.seal_to_text(most),
             lambda: key.open_from_text(long)):
    try:
        call()
    except (MemoryError, vetassist.VetassistError) as error:
        print(type(error).__name__, getattr(error, 'code', ''))
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
print(key.open(key.seal(b'still here')))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    large = "InvalidValueError ERR_TOO_LARGE"
    assert done.stdout.split("\n")[:-2] == ["MemoryError "] * 3 + [large] + ["MemoryError "] * 2 + [large, "MemoryError "]
    assert "still here" in done.stdout
