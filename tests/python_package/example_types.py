# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""Uses everything in the package, to be checked by mypy and pyright. Lines with `type: ignore` are wrong on purpose."""

from __future__ import annotations

import datetime
import ipaddress
import uuid
from typing import TYPE_CHECKING

import vetassist
from vetassist import Key, KeyRing, MasterKey, OpenError, VetassistError

USER = uuid.UUID("6f1c2b3a-0000-4000-8000-000000000001")


def seal(text: str) -> bytes:
    """Seals with every kind of bytes."""
    raw: bytes = vetassist.generate_key()
    with Key(raw) as key:
        sealed: bytes = key.seal(text, aad=b"aad")
        opened: bytes = key.open(memoryview(bytearray(sealed)), "aad")
        assert key.open_text(sealed, "aad") == opened.decode() == text
        cookie: str = key.seal_to_text(b"x")
        assert key.open_from_text(cookie) == "x"
    return vetassist.encrypt(vetassist.decrypt(vetassist.encrypt(text, raw), raw), bytearray(raw))


def tokens() -> tuple[str, int]:
    """Seals tokens with rings."""
    ring = KeyRing([MasterKey("ab" * 32), "cd" * 32, bytes(32)])
    lines: list[str] = ["ab" * 32]
    keys: list[bytes] = [vetassist.generate_key()]
    assert len(KeyRing(lines)) == len(KeyRing(keys)) == 1
    with KeyRing.parse(b"ab" * 32) as same:
        token: str = ring.decrypt_token(same.encrypt_token("token", USER), str(USER))
    assert token == "token" and len(ring) == len(ring.fingerprints()) == 3
    return ring.decrypt_token(ring.encrypt_token(token, USER), USER, with_position=True)


def hashes() -> list[str]:
    """Hashes addresses."""
    key = MasterKey(bytes(32))
    plain = vetassist.hash_ip(ipaddress.ip_address("::1"))
    assert vetassist.address_of(None) is None
    return [plain, vetassist.upgrade_ip_hash(plain, key), vetassist.hash_ip_keyed("::1", KeyRing([key])), key.fingerprint()]


def rows() -> datetime.datetime:
    """Reads rows."""
    session = vetassist.parse_session(
        {
            "id": USER,
            "user_id": str(USER),
            "jwt_id": "jti",
            "device_info": vetassist.hash_device({"ip": "::1"}),
            "created_at": None,
            "expires_at": "2026-03-01T12:34:56Z",
            "revoked_at": None,
        }
    )
    user_id: uuid.UUID = session.user_id
    assert user_id == USER and session.created_at is None
    return session.expires_at


def main() -> None:
    """Runs all of it."""
    seal("x")
    assert tokens() == ("token", 0)
    assert len(hashes()) == 4
    assert rows().tzinfo is not None
    differences: list[vetassist.SchemaDifference] = vetassist.check_schema([])
    assert differences[0].expected is not None
    try:
        vetassist.check_event_data({"password": "hunter2"})
    except vetassist.SecretInMetadataError as error:
        path: str = error.path
        assert path == "event_data.password"
    try:
        vetassist.decrypt(bytes(28), bytes(32))
    except OpenError as error:
        code: str = error.code
        assert code == "ERR_OPEN_FAILED" and isinstance(error, VetassistError)
    print("fine")


if TYPE_CHECKING:
    Key("ab" * 32)  # type: ignore
    MasterKey(5)  # type: ignore
    KeyRing("ab" * 32)  # type: ignore
    vetassist.encrypt(None, bytes(32))  # type: ignore
    vetassist.hash_ip(5)  # type: ignore
    vetassist.decrypt_token  # type: ignore
    Key(bytes(32)).open("text")  # type: ignore
    MORE: str = KeyRing([]).decrypt_token(b"", USER, with_position=True)  # type: ignore

if __name__ == "__main__":
    main()
