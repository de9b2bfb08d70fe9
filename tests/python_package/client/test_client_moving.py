"""Tests the example of a backend that moves to vetassist: each version reads what the other has written."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pathlib
import re
import sys
import uuid
from types import ModuleType
from typing import Any

import asyncpg
import databases
import pytest
import vetassist
from databases import SERVICE, SOCKET
from provider import Provider

MOVING = pathlib.Path(__file__).parents[3] / "examples/python-moving"
TOKENS = ["", "x", "a token", "t\u00f6k\u00e9n \u6771\u4eac \U0001f985", "\ufeff with a mark", "y" * 4096]


def loaded(step: str, name: str, **others: ModuleType) -> ModuleType:
    """Loads a module of the example, from `before` or `after`, with `others` as the modules that it imports."""
    spec = importlib.util.spec_from_file_location(f"{step}_{name}", MOVING / step / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.update(others)
    try:
        spec.loader.exec_module(module)
    finally:
        for other in others:
            del sys.modules[other]
    return module


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    key = vetassist.generate_key().hex()
    monkeypatch.setenv("VETASSIST_MASTER_KEY", key)
    return key


def test_old_and_new_code_open_each_others_tokens(key: str) -> None:
    before, after = loaded("before", "token_crypto"), loaded("after", "token_crypto")
    for token in TOKENS:
        user_id, another = str(uuid.uuid4()), str(uuid.uuid4())
        for writer, reader in [(before, after), (after, before), (after, after)]:
            sealed = writer.encrypt_token(token, user_id)
            assert len(sealed) == len(token.encode()) + 28
            # psycopg2 returns a memoryview.
            for given in (sealed, memoryview(sealed), bytearray(sealed)):
                assert reader.decrypt_token(given, user_id) == token
            for wrong in [sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:20]]:
                with pytest.raises(after.TokenCryptoError if reader is after else Exception):
                    reader.decrypt_token(wrong, user_id)
            with pytest.raises(reader.TokenCryptoError):
                reader.decrypt_token(sealed, another)


def test_old_and_new_code_hash_canonical_addresses_alike(key: str) -> None:
    before, after = loaded("before", "token_crypto"), loaded("after", "token_crypto")
    for address in ("203.0.113.7", "2001:db8::1", "::1"):
        assert before.hash_ip(address) == after.hash_ip(address)
    # For other spellings, only the new code gives each address one hash.
    for address, spelling in [("2001:db8::1", "2001:0DB8:0::1"), ("203.0.113.7", "::ffff:203.0.113.7")]:
        assert after.hash_ip(spelling) == after.hash_ip(address) != before.hash_ip(spelling)
    assert after.hash_ip("unknown") is None


def test_the_key_can_be_rotated_after_the_first_step(key: str) -> None:
    sealed = loaded("before", "token_crypto").encrypt_token("old", str(uuid.UUID(int=1)))
    os.environ["VETASSIST_MASTER_KEY"] = f"{vetassist.generate_key().hex()} {key}"
    after = loaded("after", "token_crypto")
    assert after.decrypt_token(sealed, str(uuid.UUID(int=1))) == "old"


def test_the_service_moves_in_two_steps_and_back(key: str) -> None:
    """The old service, the old service with the new module, and the new service each use what the others have stored."""
    before, after = loaded("before", "token_crypto"), loaded("after", "token_crypto")
    va = Provider()

    async def refresh(token: str) -> Any:
        return va.refresh(token)

    async def run() -> None:
        with databases.made("moving") as database:
            database.rows(
                f"GRANT SELECT, INSERT, UPDATE ON {{users}}, {{va_tokens}}, {{sessions}}, {{auth_audit}} TO {SERVICE}"
            )
            database.rows(f"GRANT USAGE ON SEQUENCE vetassist_auth_audit_id_seq TO {SERVICE}")
            async with asyncpg.create_pool(host=SOCKET, user=SERVICE, database=database.name) as pool:
                services = [
                    loaded("before", "service", token_crypto=before).Service(pool, refresh),
                    loaded("before", "service", token_crypto=after).Service(pool, refresh),
                    loaded("after", "service", token_crypto=after).Service(pool, refresh),
                ]
                for number, service in enumerate(services):
                    tokens = va.issue()
                    user_id, jwt_id = await service.sign_in(f"ICN {number}", tokens, "203.0.113.7")
                    for other in services:
                        assert await other.access_token(user_id) == tokens["access_token"]
                        database.expire(user_id)
                        # The next service refreshes, with the refresh token that the last one stored.
                        tokens = {"access_token": await other.access_token(user_id)}
                        assert await other.is_signed_in(jwt_id)
                    assert await services[-1 - number].sign_out(jwt_id, user_id) is True
                    assert not [each for each in services if await each.is_signed_in(jwt_id)]
                    again = await services[(number + 1) % 3].sign_in(f"ICN {number}", va.issue(), "203.0.113.7")
                    assert again[0] == user_id, "the account is the same"
                assert va.reuse == 0 and va.exchanges == 9
                hashes = database.rows("SELECT DISTINCT ip_hash FROM {auth_audit} WHERE event_type = 'login'")
                assert hashes == [(after.hash_ip("203.0.113.7"),)]

    asyncio.run(run())


OLD_TABLES = ("users", "va_tokens", "sessions", "auth_audit")


def test_the_steps_of_the_examples_readme_move_a_backend_that_owns_its_tables(key: str) -> None:
    readme = (MOVING / "README.md").read_text(encoding="utf-8")
    installing, revoking = re.findall(r"^```sql\n(.*?)^```$", readme, re.M | re.S)
    before, after = loaded("before", "token_crypto"), loaded("after", "token_crypto")
    role = f"backend_{uuid.uuid4().hex[:8]}"
    va = Provider()

    async def refresh(token: str) -> Any:
        return va.refresh(token)

    async def run(database: databases.Database) -> None:
        async with asyncpg.create_pool(host=SOCKET, user=role, database=database.name, min_size=1) as pool:
            old = loaded("before", "service", token_crypto=before).Service(pool, refresh)
            with_new_module = loaded("before", "service", token_crypto=after).Service(pool, refresh)
            new = loaded("after", "service", token_crypto=after).Service(pool, refresh)
            signed_in = []

            async def works(service: Any) -> None:
                """Signs in, and uses what all services stored so far."""
                signed_in.append(await service.sign_in(f"ICN {len(signed_in)}", va.issue(), "203.0.113.7"))
                for user_id, jwt_id in signed_in:
                    assert await service.is_signed_in(jwt_id)
                    assert (await service.access_token(user_id)).startswith("access-")
                    database.expire(user_id)
                    assert (await service.access_token(user_id)).startswith("access-")

            for service in (old, with_new_module, old):
                await works(service)
            database.admin.execute(installing.replace("'backend'", f"'{role}'").encode())
            for service in (old, with_new_module, new, old, new):
                await works(service)
            database.admin.execute(revoking.replace("'backend'", f"'{role}'").encode())
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await works(old)
            await works(new)
            assert va.reuse == 0
            hashes = database.rows("SELECT DISTINCT ip_hash FROM {auth_audit} WHERE event_type = 'login'")
            assert hashes == [(before.hash_ip("203.0.113.7"),)]

    with databases.connect("postgres") as first:
        first.execute(f"CREATE ROLE {role} LOGIN")
        name = f"moving_{uuid.uuid4().hex[:8]}"
        first.execute(f"CREATE DATABASE {name} OWNER {role}")
    with databases.connect(name, role) as owner:
        for table in OLD_TABLES:
            text = (MOVING.parents[1] / f"sql/tables/{table}.sql").read_text(encoding="utf-8")
            owner.execute(text.replace("@extschema@", "public").encode())
    with databases.connect(name) as admin:
        asyncio.run(run(databases.Database(name, admin, "public")))
