"""Tests the reference vectors: valid values open, and invalid ones are refused."""

import pytest
from module_support import refused, vectors

import vetassist

REFERENCE = vectors("reference")
KEY_FILES = vectors("key-files")
AUDIT = vectors("audit")
AUDIT_REFUSED = vectors("audit_refused")
SCHEMA = vectors("schema")


@pytest.mark.parametrize("case", REFERENCE["user_key"])
def test_a_user_key_equals_the_references(case):
    """A derived key cannot be read, so each of the two keys must open what the other has sealed."""
    raw = bytes.fromhex(case["key"])
    key = vetassist.MasterKey(case["master"]).derive_user_key(case["user_id"])
    assert key.open(vetassist.encrypt(b"x", raw)) == b"x"
    assert vetassist.decrypt(key.seal(b"x"), raw) == b"x"


@pytest.mark.parametrize("case", REFERENCE["seal"])
def test_sealed_values_of_the_reference_open(case):
    key = vetassist.Key(bytes.fromhex(case["key"]))
    sealed, aad = bytes.fromhex(case["sealed"]), bytes.fromhex(case["aad"])
    assert key.open(sealed, aad).hex() == case["plaintext"]
    assert key.open(key.seal(bytes.fromhex(case["plaintext"]), aad), aad).hex() == case["plaintext"]


@pytest.mark.parametrize("case", REFERENCE["token"])
def test_tokens_of_the_reference_open(case):
    ring = vetassist.KeyRing([vetassist.generate_key(), case["master"]])
    sealed = bytes.fromhex(case["sealed"])
    assert ring.decrypt_token(sealed, case["user_id"]) == case["token"]
    assert ring.decrypt_token(sealed, case["user_id"], with_position=True) == (case["token"], 1)
    again = ring.encrypt_token(case["token"], case["user_id"].upper())
    assert ring.decrypt_token(again, case["user_id"], with_position=True) == (case["token"], 0)


@pytest.mark.parametrize("case", REFERENCE["open_must_fail"], ids=lambda case: case["why"])
def test_sealed_values_of_the_reference_that_must_fail_are_refused(case):
    sealed = bytes.fromhex(case["sealed"])
    code = "ERR_SEALED_TOO_SHORT" if len(sealed) < 28 else "ERR_OPEN_FAILED"
    key, aad = bytes.fromhex(case["key"]), bytes.fromhex(case["aad"])
    refused(code, vetassist.decrypt, sealed, key, aad)
    refused(code, vetassist.Key(key).open, sealed, aad)
    refused(code, vetassist.Key(key).open_text, sealed, aad)


@pytest.mark.parametrize("case", REFERENCE["ip_hash"], ids=lambda case: case["ip"])
def test_addresses_have_the_hashes_of_the_reference(case):
    assert vetassist.hash_ip(case["ip"]) == case["sha256"]
    assert vetassist.hash_ip(case["canonical"]) == case["sha256"]
    assert vetassist.hash_ip_keyed(case["ip"], case["master"]) == case["keyed"]
    assert vetassist.upgrade_ip_hash(case["sha256"], vetassist.MasterKey(case["master"])) == case["keyed"]


@pytest.mark.parametrize("address", REFERENCE["ip_rejected"])
def test_invalid_addresses_are_refused(address):
    error = refused("ERR_INVALID_ADDRESS", vetassist.hash_ip, address)
    refused("ERR_INVALID_ADDRESS", vetassist.hash_ip_keyed, address, bytes(32))
    assert not address.strip() or address not in str(error)


@pytest.mark.parametrize("case", REFERENCE["fingerprint"])
def test_fingerprints_equal_the_references(case):
    raw = bytes.fromhex(case["master"])
    for key in (case["master"], raw, vetassist.MasterKey(raw), vetassist.KeyRing([raw])):
        assert vetassist.fingerprint(key) == case["fingerprint"]
    assert vetassist.MasterKey(raw).fingerprint() == case["fingerprint"]


@pytest.mark.parametrize("case", KEY_FILES["refused"], ids=lambda case: case["why"])
def test_invalid_key_files_are_refused(case):
    for text in (case["text"], case["text"].encode(), bytearray(case["text"].encode())):
        error = refused("ERR_INVALID_KEY_RING", vetassist.KeyRing.parse, text)
        assert str(error) == f"the key ring was refused: {case['error']}"


@pytest.mark.parametrize("case", KEY_FILES["read"], ids=lambda case: case["why"])
def test_valid_key_files_are_read(case):
    ring = vetassist.KeyRing.parse(case["text"])
    assert len(ring) == case["keys"]
    lines = (line.split("#")[0].strip() for line in case["text"].split("\n"))
    assert ring.fingerprints() == [vetassist.fingerprint(key) for key in lines if key]


@pytest.mark.parametrize("keys", [AUDIT["verifier"], [AUDIT["verifier"]], (AUDIT["verifier"],)])
def test_valid_checkpoints_are_verified(keys):
    for note in (AUDIT["checkpoint"], AUDIT["checkpoint"].encode()):
        found = vetassist.verify_checkpoint(note, keys)
        assert (found.origin, found.size) == (AUDIT["origin"], 5)
        assert found.root.hex() == AUDIT["roots"]["5"]
    assert vetassist.verify_checkpoint(AUDIT["empty"]["checkpoint"], keys).size == 0


@pytest.mark.parametrize("case", AUDIT_REFUSED["notes"], ids=lambda case: case["why"])
def test_invalid_checkpoints_are_refused(case):
    refused("ERR_INVALID_CHECKPOINT", vetassist.verify_checkpoint, case["note"], AUDIT["verifier"])


@pytest.mark.parametrize("case", AUDIT_REFUSED["verifiers"], ids=lambda case: case["why"])
def test_invalid_verifier_keys_are_refused(case):
    call = vetassist.verify_checkpoint
    refused("ERR_INVALID_VERIFIER_KEY", call, AUDIT["checkpoint"], case["verifier"])


def test_an_installed_schema_has_no_differences():
    rows = SCHEMA["agreeing"]
    named = [dict(zip(("object", "attribute", "value"), row)) for row in rows]
    for given in (rows, tuple(rows), [tuple(row) for row in rows], named):
        assert vetassist.check_schema(given) == []
    assert "$1" in vetassist.SCHEMA_QUERY


@pytest.mark.parametrize("case", SCHEMA["drifts"], ids=lambda case: case["change"][:60])
def test_each_change_of_the_schema_is_reported(case):
    gone = {tuple(row) for row in case["without"]}
    rows = [row for row in SCHEMA["agreeing"] if tuple(row) not in gone] + case["with"]
    # Sorted like the rows from which the expected differences were recorded.
    found = vetassist.check_schema(sorted(rows, key="\0".join))
    assert found == [vetassist.SchemaDifference(*difference) for difference in case["differences"]]
