"""Calls everything with hostile objects in the place of each argument, and of items of lists, dicts and rows.

A call may succeed or raise a VetassistError. No error quotes what a hostile object holds or what its methods raise, and no
exception of these methods comes through."""

import array
import collections
import ctypes
import datetime
import enum
import inspect
import ipaddress
import itertools
import mmap
import random
import sys
import uuid

import pytest
from module_support import USER, vectors

import vetassist
from vetassist import _errors, _native

MARK = "s3cr3t"
RAW = bytes(range(32))
KEY, MASTER, RING = vetassist.Key(RAW), vetassist.MasterKey(RAW), vetassist.KeyRing([RAW])
AUDIT = vectors("audit")
TIME = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)


class Boom(Exception):
    """An error of a hostile object."""


def boom(*_, **__):
    raise Boom(MARK)


METHODS = [
    "__bytes__", "__str__", "__repr__", "__format__", "__index__", "__int__", "__float__", "__bool__", "__len__", "__iter__",
    "__next__", "__getitem__", "__contains__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__",
    "__reversed__", "__fspath__", "__buffer__", "__release_buffer__", "__getattr__", "__instancecheck__", "__add__", "__mod__",
    "__length_hint__", "__missing__", "__reduce_ex__", "__copy__", "__deepcopy__", "__sizeof__", "__dir__", "__mul__",
    "__array_interface__", "__array__", "keys", "items", "values", "get", "encode", "split", "strip", "lower", "replace",
    "hex", "tobytes", "utcoffset", "bit_length", "as_integer_ratio", "isoformat", "timestamp", "tolist", "cast",
]  # fmt: skip
BASES = {
    str: ["text " + MARK, "203.0.113.7", USER, "a" * 64],
    bytes: [RAW, bytes(40)],
    bytearray: [RAW],
    int: [5],
    float: [2.5],
    dict: [{"a": 1}],
    list: [[1]],
    tuple: [(1,)],
    uuid.UUID: [USER],
    ipaddress.IPv4Address: ["203.0.113.7"],
    ipaddress.IPv6Address: ["2001:db8::1"],
    ipaddress.IPv4Interface: ["203.0.113.7/24"],
    datetime.datetime: [2026, 3, 1],
    collections.OrderedDict: [{"a": 1}],
}


def booming(base):
    """Returns a subclass whose methods all raise an error, and which has the base's own methods otherwise."""
    return type(base)("Booming", (base,), {name: boom for name in METHODS})


def subclasses():
    """Returns objects of classes whose methods raise errors, and objects that lie about their class."""
    for base, arguments in BASES.items():
        of = booming(base)
        if base is datetime.datetime:
            yield of(2026, 3, 1)
            continue
        for argument in arguments:
            made = of.__new__(of, argument)
            if base in (list, bytearray, dict, collections.OrderedDict):
                base.__init__(made, argument)
            elif base not in (str, bytes, int, float, tuple):
                try:
                    made.__init__(argument)
                except Boom:
                    continue
            yield made
    for claimed in (*BASES, memoryview, bool, type(None), type(KEY), type(RING), type(MASTER), datetime.tzinfo):
        yield type("Lying", (), {"__class__": claimed, **{name: boom for name in METHODS}})()
        yield type("Lying", (), {"__class__": claimed, "int": 5, "keys": lambda self: [], "__getitem__": lambda self, at: self})()
    yield type("Boundless", (), {"__class__": property(boom)})()
    yield type("Closed", (), {"__getattribute__": boom})()
    yield type("Metaclass", (type,), {**{name: boom for name in METHODS}, "__name__": property(boom)})("Nameless", (), {})
    yield booming(object)()
    for base in (str, bytes, int):
        yield type("Closed", (base,), {"__getattribute__": boom})(5)


def zone(offset):
    """Returns a datetime whose time zone has this method."""
    return TIME.replace(tzinfo=type("Zone", (datetime.tzinfo,), {"utcoffset": offset})())


def buffers():
    """Returns bytes in forms that are rare."""
    released = memoryview(b"x" * 32)
    released.release()
    yield released
    yield memoryview(bytes(64)).cast("I")
    yield memoryview(bytes(24)).cast("B", (2, 3, 4))
    yield memoryview(RAW * 2)[::-2]
    yield memoryview(b"")
    yield memoryview(ctypes.c_char(b"x"))
    yield memoryview((ctypes.c_uint8 * 4 * 8)())
    yield memoryview((ctypes.c_void_p * 4)())
    yield memoryview(mmap.mmap(-1, 32))
    yield memoryview(array.array("b", [-1] * 32))
    yield mmap.mmap(-1, 32)
    yield array.array("d", [1.5] * 4)
    if sys.version_info >= (3, 12):
        for given in (lambda self, flags: memoryview(RAW), boom):
            yield type("Buffer", (), {"__buffer__": given})()
            yield type("Buffer", (bytearray,), {"__buffer__": given})(RAW)
            yield type("Buffer", (bytes,), {"__buffer__": given})(RAW)


def plain():
    """Returns values of ordinary types, most of them in the wrong place."""
    yield from (None, True, False, 0, -1, 5, 2**63, 2**64, -(2**63), 10**400, 1.5, float("nan"), float("-inf"), 5e-324, 1e308, 1j)
    yield from ("", " ", "\0", "\ud800", "a\udfffb" + MARK, "é" * 40, "\U0010ffff", "0" * 64, "x" * 70_000, MARK * 30_000)
    yield from (b"", b"x", RAW, bytes(28), bytes(29), b"\xff" * 64, b"0" * 64, bytearray(RAW), bytearray())
    yield from ([], (), {}, set(), frozenset(), [None], [[]], {"": {}}, {None: 1}, {(): 2}, {"a": object()}, [RAW] * 17, ["\ud800"])
    yield from (object(), Ellipsis, NotImplemented, int, type, len, (lambda: 1), iter([]), range(5), KEY, MASTER, RING, KEY.seal)
    yield from (uuid.UUID(USER), ipaddress.ip_address("::1"), ipaddress.ip_network("::/64"), ipaddress.ip_interface("::1/64"))
    yield from (TIME, TIME.date(), TIME.replace(tzinfo=None), zone(boom), zone(lambda self, at: None), datetime.timedelta(1))
    yield from (enum.IntEnum("Level", "HIGH").HIGH, enum.Enum("Kind", "ONE").ONE, Boom(MARK), sys, inspect.currentframe())
    circle = []
    circle.append({"circle": circle})
    yield circle


PLAIN = [*plain(), *buffers()]
HOSTILE = [*PLAIN, *subclasses()]
FREED = [of(given) for of, given in ((vetassist.Key, RAW), (vetassist.MasterKey, RAW), (vetassist.KeyRing, [RAW]))]
for freed in FREED:
    freed.free()
HOSTILE += FREED

# A valid argument for each name of a parameter.
VALID = {
    "aad": "aad",
    "address": "203.0.113.7",
    "device": {"ip": "203.0.113.7"},
    "event_data": {"a": 1},
    "event_type": "login_failed",
    "key": RAW,
    "keys": [RAW],
    "master_key": RAW,
    "note": AUDIT["checkpoint"],
    "plain_hash": "a" * 64,
    "plaintext": "x",
    "row": {"id": USER},
    "rows": [("a", "b", "c")],
    "sealed": bytes(28),
    "sealed_text": "AAAA",
    "text": "ab" * 32,
    "token": "token",
    "trusted_hops": 1,
    "user_id": USER,
    "value": "203.0.113.7",
    "verifier_keys": AUDIT["verifier"],
    "with_position": False,
}
CLASSES = (vetassist.Key, vetassist.MasterKey, vetassist.KeyRing)
FUNCTIONS = {
    name: getattr(module, name)
    for module in (vetassist, _native)
    for name in module.__all__
    if inspect.isroutine(getattr(module, name))
}
CALLS = {
    **FUNCTIONS,
    **{of.__name__: of for of in CLASSES},
    **{f"{type(of).__name__}.{name}": getattr(of, name) for of in (KEY, MASTER, RING) for name in vars(type(of)) if name[0] != "_"},
}
# Freed at the end of the module only, because all tests use them.
del CALLS["Key.free"], CALLS["MasterKey.free"], CALLS["KeyRing.free"]


def parameters(call):
    """Returns the parameters of a call. CPython 3.9 does not know those of a class."""
    if call in CLASSES:
        name = "keys" if call is vetassist.KeyRing else "key"
        return [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY)]
    return [one for one in inspect.signature(call).parameters.values() if one.kind is not one.VAR_POSITIONAL]


def attempt(call, positional, named=None):
    """Makes a call. It may succeed, or raise an error of the package that quotes nothing."""
    try:
        call(*positional, **(named or {}))
    except vetassist.VetassistError as error:
        assert error.code in _errors._CLASSES, error.code
        assert type(error) is _errors._CLASSES[error.code]
        told = f"{error}{error!r}{error.args}{getattr(error, 'path', '')}"
        assert MARK not in told and str(RAW)[2:12] not in told and "object at 0x" not in told
        assert len(told) < 2000, call
        assert error.__cause__ is None
        assert error.__context__ is None or error.__suppress_context__


def split(call, arguments):
    """Returns positional and named arguments as the call takes them."""
    positional, named = [], {}
    for one in parameters(call):
        if one.name in arguments:
            if one.kind is one.KEYWORD_ONLY:
                named[one.name] = arguments[one.name]
            else:
                positional.append(arguments[one.name])
    return positional, named


def test_every_parameter_has_a_valid_argument():
    for name, call in CALLS.items():
        assert {one.name for one in parameters(call)} <= set(VALID), name
    assert len(CALLS) > 30


@pytest.mark.parametrize("name", CALLS)
def test_hostile_objects_are_refused_in_place_of_each_argument(name):
    call = CALLS[name]
    names = [one.name for one in parameters(call)]
    for replaced, value in itertools.product(names, HOSTILE):
        attempt(call, *split(call, {**{one: VALID[one] for one in names}, replaced: value}))
    # Two hostile arguments at a time.
    draw = random.Random(name)
    for _ in range(300 if len(names) > 1 else 0):
        attempt(call, *split(call, {one: draw.choice(HOSTILE) for one in names}))


ITEMS = {
    "KeyRing": lambda value: ([value], [RAW, value], (value,)),
    "check_event_data": lambda value: ([value], {"a": value}, ({"b": [value]},)),
    "hash_device": lambda value: ([value], {"ip": value}, ({"b": [value]},)),
    "check_schema": lambda value: ([value], ([value, "b", "c"],), [("a", value, "c")], [{"object": "a", "attribute": value, "value": "c"}]),
}


@pytest.mark.parametrize("name", ITEMS)
def test_hostile_objects_are_refused_as_items(name):
    for value in HOSTILE:
        for container in ITEMS[name](value):
            attempt(CALLS[name], [container])


def test_hostile_objects_are_refused_as_names_of_members():
    for value in HOSTILE:
        try:
            members = {value: 1}
        except (TypeError, ValueError, Boom):
            continue
        attempt(vetassist.check_event_data, [members])
        attempt(vetassist.hash_device, [members])


def test_hostile_objects_are_refused_as_verifier_keys():
    for value in HOSTILE:
        attempt(vetassist.verify_checkpoint, [AUDIT["checkpoint"], [value]])
        attempt(vetassist.verify_checkpoint, [AUDIT["checkpoint"], (AUDIT["verifier"], value)])


@pytest.mark.parametrize("table", _native.table_columns())
def test_hostile_objects_are_refused_as_columns_of_rows(table):
    parse = {
        "vetassist_users": vetassist.parse_user,
        "vetassist_va_tokens": vetassist.parse_va_token,
        "vetassist_sessions": vetassist.parse_session,
        "vetassist_auth_audit": vetassist.parse_auth_audit,
    }[table]
    valid = {"uuid": USER, "text": "x", "hash": "a" * 64, "bool": True, "digits": 5, "time": TIME, "sealed": bytes(28), "json": {}}
    columns = _native.table_columns()[table]
    row = {name: valid[kind] for name, kind, _ in columns}
    parse(row)
    for (name, _, _), value in itertools.product(columns, HOSTILE):
        attempt(parse, [{**row, name: value}])


def test_what_ends_a_program_passes_through():
    """An interruption in a method of a row must not become a refused row."""

    def interrupt(*_):
        raise KeyboardInterrupt

    row = type("Row", (), {"keys": interrupt, "__getitem__": interrupt})()
    address = type("Address", (ipaddress.IPv4Address,), {"__str__": interrupt})("203.0.113.7")
    for call, value in ((vetassist.parse_user, row), (vetassist.check_schema, [row]), (vetassist.hash_ip, address)):
        with pytest.raises(KeyboardInterrupt):
            call(value)


def mutated(draw, value):
    """Returns text or bytes with a few changes."""
    made = list(value)
    for _ in range(draw.randint(1, 4)):
        at = draw.randint(0, len(made))
        change = draw.randint(0, 3)
        if change == 0:
            made[at:at] = made[: draw.randint(0, len(made))]
        elif change == 1:
            del made[at : at + draw.randint(1, 9)]
        elif isinstance(value, str):
            made[at : at + 1] = [draw.choice("\0\n\r\t #-+=:/.%[]0aZé\u2028\ud800" + value)]
        else:
            made[at : at + 1] = [draw.randrange(256)]
    return "".join(made) if isinstance(value, str) else bytes(made)


TEXTS = [
    (vetassist.hash_ip, ["203.0.113.7", "2001:db8::1", "::ffff:203.0.113.7"]),
    (vetassist.address_of, ["198.51.100.1, 203.0.113.7", 'for="[2001:db8::1]:443";by=x, for=203.0.113.7']),
    (vetassist.KeyRing.parse, [f"{RAW.hex()}  # one\n{'ab' * 32}\n", (f"{RAW.hex()}\r\n").encode()]),
    (vetassist.MasterKey, [RAW.hex(), RAW]),
    (lambda user_id: RING.encrypt_token("x", user_id), [USER]),
    (lambda sealed: RING.decrypt_token(sealed, USER), [RING.encrypt_token("x", USER)]),
    (KEY.open_from_text, [KEY.seal_to_text("x" * 20)]),
    (lambda note: vetassist.verify_checkpoint(note, AUDIT["verifier"]), [AUDIT["checkpoint"], AUDIT["checkpoint"].encode()]),
    (lambda key: vetassist.verify_checkpoint(AUDIT["checkpoint"], key), [AUDIT["verifier"]]),
    (vetassist.check_event_type, ["login_failed"]),
    (vetassist.check_event_data, ["Bearer abc", "token=abc&x=y"]),
    (vetassist.hash_device, ["203.0.113.7", "for=203.0.113.7, for=::1"]),
    (lambda text: vetassist.upgrade_ip_hash(text, RAW), ["a" * 64]),
]


@pytest.mark.parametrize("call, values", TEXTS, ids=lambda value: str(value[0])[:20] if isinstance(value, list) else None)
def test_altered_texts_are_accepted_or_refused(call, values):
    draw = random.Random(len(TEXTS))
    for _ in range(1500):
        attempt(call, [mutated(draw, draw.choice(values))])


def test_an_altered_checkpoint_is_never_accepted_as_another():
    draw = random.Random(7)
    accepted = vetassist.verify_checkpoint(AUDIT["checkpoint"], AUDIT["verifier"])
    for _ in range(5000):
        note = mutated(draw, AUDIT["checkpoint"])
        try:
            assert vetassist.verify_checkpoint(note, AUDIT["verifier"]) == accepted
        except vetassist.VetassistError as error:
            assert error.code in ("ERR_INVALID_CHECKPOINT", "ERR_INVALID_TEXT")


def test_altered_rows_of_the_schema_query_are_compared():
    rows, draw = [tuple(row) for row in vectors("schema")["agreeing"]], random.Random(3)
    for _ in range(100):
        altered = list(rows)
        for _ in range(3):
            at = draw.randrange(len(altered))
            field = draw.randrange(3)
            value = mutated(draw, altered[at][field] or "x")
            altered[at] = altered[at][:field] + (value,) + altered[at][field + 1 :]
            altered.insert(draw.randrange(len(altered)), draw.choice(rows))
        attempt(vetassist.check_schema, [altered])


def test_the_module_still_works():
    assert KEY.open_text(KEY.seal("still here")) == "still here"
    assert RING.decrypt_token(RING.encrypt_token("x", USER), USER) == "x"
