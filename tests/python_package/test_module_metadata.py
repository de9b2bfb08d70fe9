"""Tests the rules for events and devices, and the address of a client. The npm package's tests have the same cases."""

import collections
import enum
import json

import pytest
from module_support import refused

import vetassist

ADDRESS = "203.0.113.7"
KEY = "ab" * 32
HASH = vetassist.hash_ip(ADDRESS)
LIST = "198.51.100.1, 192.0.2.60:4711,203.0.113.7"
FORWARDED = 'for=198.51.100.1;by="_x;y",For="[2001:db8:cafe::17]:4711" ; proto=http;by=203.0.113.43,\tfor=203.0.113.7'


@pytest.mark.parametrize(
    "device, expected",
    [
        ({"agent": "x", "ip": ADDRESS}, {"agent": "x", "ip_hash": HASH}),
        ({"remote": "[2001:DB8::1]:443"}, {"ip_hash": vetassist.hash_ip("2001:db8::1")}),
        ({"ip": ADDRESS, "client_ip": f"::ffff:{ADDRESS}"}, {"ip_hash": HASH, "client_ip_hash": HASH}),
        ({"forwarded": f"for={ADDRESS}, for=198.51.100.1"}, {"ip_hash": [HASH, vetassist.hash_ip("198.51.100.1")]}),
        ({"ip": "unknown", "agent": "x"}, {"agent": "x"}),
        ((ADDRESS, {"x": ()}), [HASH, {"x": []}]),
    ],
)
def test_addresses_in_devices_become_hashes(device, expected):
    assert vetassist.hash_device(device) == expected


def test_devices_are_hashed_under_a_key_or_a_ring():
    keyed = {"ip_hash": vetassist.hash_ip_keyed(ADDRESS, KEY)}
    ring = vetassist.KeyRing([KEY, vetassist.generate_key()])
    for key in (KEY, bytes.fromhex(KEY), vetassist.MasterKey(KEY), ring):
        assert vetassist.hash_device({"ip": ADDRESS}, key) == keyed
        assert vetassist.hash_device({"ip": ADDRESS}, master_key=key) == keyed
    assert vetassist.hash_device({"ip": ADDRESS}, None) == {"ip_hash": HASH}


def test_a_device_without_addresses_is_unchanged():
    device = {"version": "120.0.0.0", "n": [0, -1, 1.5, 1e21, 10**40, -(2**70), None, True, 'quoted " \\ \0 \u6771'], "": {}}
    found = vetassist.hash_device(device)
    assert found == device and found is not device
    assert json.dumps(found) == json.dumps(device)
    for value in (None, 5, "text", [], {}, True, 0.1):
        assert vetassist.hash_device(value) == value

    class Level(enum.IntEnum):
        HIGH = 3

    found = vetassist.hash_device(collections.OrderedDict(level=Level.HIGH, more=collections.defaultdict(list, a=[1])))
    assert found == {"level": 3, "more": {"a": [1]}}


def test_sizes_and_depths_are_limited():
    circle = {}
    circle["circle"] = [circle]
    for call in (vetassist.hash_device, vetassist.check_event_data):
        for large in ("x" * 70_000, ["x"] * 70_000, {str(number): "" for number in range(20_000)}, 10**70_000, circle):
            refused("ERR_TOO_LARGE", call, large)
        deep = 0
        for _ in range(64):
            deep = [deep]
        call(deep)
        refused("ERR_TOO_LARGE", call, [deep])
        refused("ERR_INVALID_ARG_TYPE", call, float("nan"))
        refused("ERR_INVALID_TEXT", call, {"\udfff": 1})


@pytest.mark.parametrize("harmless", [{"reason": "expired", "attempts": 3}, {"token": "missing"}, {"password_reset": "requested"}, [], None])
def test_harmless_metadata_passes(harmless):
    assert vetassist.check_event_data(harmless) is None


@pytest.mark.parametrize(
    "secret, path",
    [
        ({"password": "hunter2"}, "event_data.password"),
        ({"users": [{"ssn": "123456789"}]}, "event_data.users[0].ssn"),
        ({"users": ({"ssn": 123456789},)}, "event_data.users[0].ssn"),
        ({"note": "Bearer abc.def.ghi"}, "event_data.note"),
        ({"pin": 1234.0}, "event_data.pin"),
        ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "event_data"),
    ],
)
def test_secrets_are_refused_and_not_quoted(secret, path):
    error = refused("ERR_SECRET_IN_METADATA", vetassist.check_event_data, secret)
    assert (error.path, type(error)) == (path, vetassist.SecretInMetadataError)
    assert not any(part in repr(error) for part in ("hunter2", "123456789", "abc", "eyJ", "1234"))


def test_only_valid_event_types_are_accepted():
    assert vetassist.check_event_type("login_failed") is None
    for wrong in ("", " ", "login", "Tokens-Stored", "x" * 51, "2YotnFZFEjr1zCsicMWpAA", "a\0b" * 30):
        refused("ERR_INVALID_EVENT_TYPE", vetassist.check_event_type, wrong)


@pytest.mark.parametrize(
    "value, hops, expected",
    [
        (ADDRESS, 1, ADDRESS),
        ("2001:db8::1", 1, "2001:db8::1"),
        ("[2001:db8::1]", 1, "2001:db8::1"),
        ("[2001:db8::1]:443", 1, "2001:db8::1"),
        (f"{ADDRESS}:443", 1, ADDRESS),
        (LIST, 1, ADDRESS),
        (LIST, 2, "192.0.2.60"),
        (LIST, 3, "198.51.100.1"),
        (LIST, 4, None),
        (LIST, 0, None),
        (LIST, 10**30, None),
        (f"spoofed, {ADDRESS}", 1, ADDRESS),
        (f"spoofed, {ADDRESS}", 2, None),
        (f",, {ADDRESS} ,", 1, ADDRESS),
        (FORWARDED, 1, ADDRESS),
        (FORWARDED, 2, "2001:db8:cafe::17"),
        (FORWARDED, 3, "198.51.100.1"),
        (FORWARDED, 4, None),
        ('for="203.0.113.7:1\\2"', 1, ADDRESS),
        ("for=unknown", 1, None),
        ("for=_hidden", 1, None),
        ('for="_SEVKISEK:80"', 1, None),
        ("proto=https", 1, None),
        (f"by={ADDRESS}", 1, None),
        ("for=2001:db8::1", 1, None),
        ('for="2001:db8::1"', 1, None),
        ('for="[203.0.113.7]"', 1, None),
        ('for="203.0.113.7', 1, None),
        (f'for="x, for={ADDRESS}', 1, None),
        (f"for=198.51.100.1;for={ADDRESS}", 1, None),
        (f"for=198.51.100.1 for={ADDRESS}", 1, None),
        (f"for ={ADDRESS}", 1, None),
        (f"for={ADDRESS}, x", 1, None),
        ("", 1, None),
        (" ", 1, None),
        ("unknown", 1, None),
        ("\ud800", 1, None),
        ("203.0.113.7/24", 1, None),
        ("fe80::1%eth0", 1, None),
        ("203.0.113.256", 1, None),
        ('for="' + "\\x" * 50_000 + '"', 1, None),
        ("a=b;" + "c=d," * 50_000 + f"for={ADDRESS}", 1, ADDRESS),
        (None, 1, None),
        # A client cannot hide its address behind elements that the proxy did not write.
        (f"for=192.0.2.1, {ADDRESS}", 1, ADDRESS),
        (f'a=b, x="y, 192.0.2.60, {ADDRESS}', 2, "192.0.2.60"),
        (f"192.0.2.1, for={ADDRESS}", 1, None),
        (f'for=", for={ADDRESS}', 1, None),
        (f'for={ADDRESS};secret="a,b;for=192.0.2.1"', 1, ADDRESS),
        (f"__class__=x;for={ADDRESS}", 1, ADDRESS),
        (f"FOR={ADDRESS};For=192.0.2.1", 1, None),
        ('for="::1"', 1, None),
        ('for="[::1]:_port"', 1, "::1"),
        ('for="_a:_b"', 1, None),
        (f"for={ADDRESS}:80", 1, None),
        (f";for={ADDRESS};;", 1, ADDRESS),
        (f"{ADDRESS}\r\n192.0.2.1", 1, None),
        (f"192.0.2.1, {ADDRESS}\n", 1, None),
        (f"{ADDRESS}\u00a0", 1, None),
        (f'"{ADDRESS}"', 1, None),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_the_address_is_read_from_a_header(value, hops, expected):
    assert vetassist.address_of(value, hops) == expected
    if hops == 1:
        assert vetassist.address_of(value) == expected


@pytest.mark.parametrize(
    "address, says",
    [
        ("", "empty"),
        (f"{ADDRESS}, 192.0.2.1", "list.*address_of"),
        (f"for={ADDRESS}", "header.*address_of"),
        (f" {ADDRESS}", "blanks"),
        ("fe80::1%eth0", "zone"),
        (f"{ADDRESS}/24", "range"),
        (f"{ADDRESS}:443", "port.*address_of"),
        ("[::1]", "brackets.*address_of"),
        ("[::1]:443", "port.*address_of"),
        ("::ffff:203.0.113.7:443", "port.*address_of"),
        ("::ffff:203.0.113.256", "not .*address[^;]*$"),
        (f"https://{ADDRESS}", "URL"),
    ],
)
def test_the_message_names_the_mistake_in_an_address(address, says):
    error = refused("ERR_INVALID_ADDRESS", vetassist.hash_ip, address)
    assert __import__("re").search(says, str(error))
    assert ADDRESS not in str(error)
