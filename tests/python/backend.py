"""Tests a backend like the deployed one, with asyncpg and cryptography, against the extension.

Arguments: the folder of the server's socket, and the ring's only master key in hex.
"""

import asyncio
import pathlib
import sys
import types
import uuid
from datetime import datetime, timedelta, timezone

import asyncpg
from cryptography.exceptions import InvalidTag

from sealing import keyed_hash, plain_hash, seal, unseal, user_cipher

TOKENS = ["", "x", "a token", "t\u00f6k\u00e9n \u6771\u4eac \U0001f985", "y" * 4096]


async def signs_in_by_sql_and_opens_by_python(db, master):
    for number, token in enumerate(TOKENS[1:]):
        user_id = await db.fetchval(
            "SELECT user_id FROM vetassist_login($1, $2, now() + interval '1 hour', $3, now() + interval '8 hours',"
            " refresh_token => $4, ip => $5)",
            f"ICN{number}", token, str(uuid.uuid4()), token[::-1], "203.0.113.7")
        row = await db.fetchrow("SELECT * FROM vetassist_va_tokens WHERE user_id = $1", user_id)
        cipher = user_cipher(master, user_id)
        assert unseal(cipher, row["access_token_encrypted"]) == token
        assert unseal(cipher, row["refresh_token_encrypted"]) == token[::-1]
        try:
            unseal(user_cipher(master, uuid.uuid4()), row["access_token_encrypted"])
        except InvalidTag:
            pass
        else:
            raise AssertionError("the token opened for another user")


async def stores_by_python_and_opens_by_sql(db, master):
    for number, token in enumerate(TOKENS):
        user_id = uuid.uuid4()
        cipher = user_cipher(master, user_id)
        await db.execute("INSERT INTO vetassist_users (id, va_icn) VALUES ($1, $2)", user_id, f"PY{number}")
        await db.execute(
            "INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, expires_at)"
            " VALUES ($1, $2, $3, now())",
            user_id, seal(cipher, token), seal(cipher, token[::-1]))
        assert await db.fetchval("SELECT vetassist_access_token($1)", user_id) == token
        assert await db.fetchval("SELECT vetassist_refresh_token($1)", user_id) == token[::-1]


async def hashes_agree(db, master):
    plain = plain_hash("203.0.113.7")
    keyed = keyed_hash(master, plain)
    assert await db.fetchval("SELECT vetassist_hash_ip($1)", "203.0.113.7") == plain
    assert await db.fetchval("SELECT vetassist_hash_ip_keyed($1)", "203.0.113.7") == keyed
    assert await db.fetchval("SELECT count(*) FROM vetassist_auth_audit WHERE ip_hash = $1", plain) == len(TOKENS) - 1


def refresh_some():
    """Returns the function that docs/tokens-and-refresh.md shows."""
    page = (pathlib.Path(__file__).parents[2] / "docs/tokens-and-refresh.md").read_text()
    [code] = [block.split("```")[0] for block in page.split("```python\n") if "async def refresh_some" in block]
    names = {}
    exec(code, names)
    return names["refresh_some"]


async def refreshes_as_the_page_says(socket, db):
    due = "SELECT user_id FROM vetassist_tokens_expiring('5 minutes', 10)"
    users = [row["user_id"] for row in await db.fetch(due)]
    assert len(users) > 1
    refused = await db.fetchval("SELECT vetassist_refresh_token($1)", users[0])
    before = await db.fetchval("SELECT vetassist_access_token($1)", users[0])

    class OAuth:
        begun = 0

        async def refresh(self, token):
            # All exchanges begin at once, so that none outlasts its lease.
            self.begun += 1
            while self.begun < len(users):
                await asyncio.sleep(0.01)
            if token == refused:
                raise ConnectionError
            expires_at = datetime.now(timezone.utc) + timedelta(hours=1)
            return types.SimpleNamespace(access_token="new " + token, expires_at=expires_at, refresh_token=token)

    async with asyncpg.create_pool(host=socket, user="postgres", database="postgres", min_size=1, max_size=2) as pool:
        assert await refresh_some()(pool, OAuth()) == [users[0]]
    # A failed refresh keeps the token, and does not affect the others.
    assert await db.fetch(due) == [], "a failed refresh is not repeated at once"
    status = await db.fetchrow("SELECT state, attempts, last_error FROM vetassist_token_status($1)", users[0])
    assert tuple(status) == ("wait", 1, "other"), status
    assert await db.fetchval("SELECT vetassist_access_token($1)", users[0]) == before


async def errors_have_their_sqlstate(db):
    for statement, sqlstate in [
        ("SELECT vetassist_login('x', 'x', now(), NULL, now())", "22004"),
        ("SELECT vetassist_decrypt_token('\\x00', gen_random_uuid())", "22P03"),
        ("DELETE FROM vetassist_auth_audit", "42501"),
    ]:
        try:
            await db.execute(statement)
        except asyncpg.PostgresError as error:
            assert error.sqlstate == sqlstate, (statement, error.sqlstate)
            assert error.hint
        else:
            raise AssertionError(f"{statement} succeeded")


async def main(socket: str, key: str) -> None:
    master = bytes.fromhex(key)
    db = await asyncpg.connect(host=socket, user="postgres", database="postgres")
    await signs_in_by_sql_and_opens_by_python(db, master)
    await hashes_agree(db, master)
    await stores_by_python_and_opens_by_sql(db, master)
    await refreshes_as_the_page_says(socket, db)
    await errors_have_their_sqlstate(db)
    # The procedure commits, so asyncpg must call it outside a transaction.
    await db.execute("CALL vetassist_rotate_tokens()")
    await db.close()
    print("python and the extension agree")


asyncio.run(main(*sys.argv[1:]))
