"""Compares the module with `cryptography`, `hashlib` and `ipaddress` for random values."""

import hashlib
import hmac
import ipaddress
import json
import os
import pathlib
import sys
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from module_support import refused

import vetassist

# Otherwise Hypothesis would write its tables of characters into the current folder.
set_hypothesis_home_dir(pathlib.Path(sys.prefix) / "hypothesis")
settings.register_profile("module", max_examples=300, deadline=None, derandomize=True, database=None)
settings.load_profile("module")

RAW = st.binary(min_size=32, max_size=32)
DATA = st.binary(max_size=40_000)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=2000)


def derived(master, salt, info):
    """Derives a key with HKDF, as the backend does."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(master)


@given(RAW, DATA, DATA)
def test_cryptography_opens_what_is_sealed_here(raw, data, aad):
    sealed = vetassist.Key(raw).seal(data, aad)
    assert AESGCM(raw).decrypt(sealed[:12], sealed[12:], aad) == data
    assert AESGCM(raw).decrypt(*halves(vetassist.encrypt(bytearray(data), raw, memoryview(aad))), aad) == data


def halves(sealed):
    return sealed[:12], sealed[12:]


@given(RAW, DATA, DATA)
def test_values_sealed_by_cryptography_open_here(raw, data, aad):
    nonce = os.urandom(12)
    sealed = nonce + AESGCM(raw).encrypt(nonce, data, aad)
    assert vetassist.Key(raw).open(sealed, aad) == data
    assert vetassist.decrypt(sealed, raw, aad) == data


@given(RAW, DATA, DATA, st.data())
def test_an_altered_value_does_not_open(raw, data, aad, draw):
    sealed = bytearray(vetassist.encrypt(data, raw, aad))
    at = draw.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8
    refused("ERR_OPEN_FAILED", vetassist.decrypt, sealed, raw, aad)


@given(RAW, st.uuids(), TEXT)
def test_tokens_open_in_the_backend_and_the_other_way(raw, user, token):
    ring = vetassist.KeyRing([raw])
    theirs = AESGCM(derived(raw, b"vetassist_token_v1", str(user).encode()))
    nonce = os.urandom(12)
    assert ring.decrypt_token(nonce + theirs.encrypt(nonce, token.encode(), None), user) == token
    assert theirs.decrypt(*halves(ring.encrypt_token(token, str(user))), None).decode() == token
    other = uuid.UUID(int=user.int ^ 1)
    refused("ERR_OPEN_FAILED", ring.decrypt_token, ring.encrypt_token(token, user), other)


@given(st.lists(RAW, min_size=1, max_size=16, unique=True), TEXT, st.data())
def test_each_key_of_a_ring_opens_its_tokens(keys, token, draw):
    at = draw.draw(st.integers(0, len(keys) - 1))
    user = uuid.UUID(int=at)
    sealed = vetassist.KeyRing([keys[at]]).encrypt_token(token, user)
    assert vetassist.KeyRing(keys).decrypt_token(sealed, user, with_position=True) == (token, at)


@given(RAW, st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_addresses_hash_as_hashlib_does(raw, address):
    canonical = getattr(address, "ipv4_mapped", None) or address
    plain = hashlib.sha256(str(canonical).encode()).hexdigest()
    forms = [address, str(address), address.exploded, address.exploded.upper()]
    assert {vetassist.hash_ip(form) for form in forms} == {plain}
    key = derived(raw, b"vetassist_ip_v1", b"")
    keyed = hmac.new(key, plain.encode(), "sha256").hexdigest()
    assert vetassist.hash_ip_keyed(str(address), raw) == vetassist.upgrade_ip_hash(plain, raw) == keyed


@given(TEXT)
def test_text_is_accepted_as_an_address_exactly_if_ipaddress_accepts_it(text):
    try:
        # `ipaddress` accepts IPv6 zones, which vetassist refuses because they have a meaning only on one host.
        ipaddress.ip_address(text.replace("%", "x"))
    except ValueError:
        refused("ERR_INVALID_ADDRESS", vetassist.hash_ip, text)
    else:
        vetassist.hash_ip(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
def test_any_json_is_checked_and_hashing_it_gives_json(value):
    try:
        vetassist.check_event_data(value)
    except vetassist.SecretInMetadataError as error:
        assert error.path.startswith("event_data")
    found = vetassist.hash_device(value)
    json.dumps(found, allow_nan=False)
    # Hashing again changes nothing.
    assert vetassist.hash_device(found) == found
