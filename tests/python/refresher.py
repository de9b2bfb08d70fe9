"""Refreshes tokens: as a worker, which claims due tokens, or as a web process, which refreshes on demand.

    refresher.py SOCKET ORIGIN JOURNAL worker|web USERS WITHIN LEASE

It runs until it is killed or its standard input ends. To the journal it writes `ask TOKEN` before each exchange, and then
`end TOKEN` once the database has the outcome, or `late TOKEN` if VA.gov did not respond in time. For a sign-in it writes
`ask CODE`, and `end CODE` once the database has its tokens. Each line is written when the call returns, so it is kept even if
the process is killed.

Of every five users, one may sign in again while a refresh of the old tokens is under way. Its answer then comes too late. Of
every ten users, web processes never ask for the last one, so only workers refresh the tokens.
"""

import asyncio
import base64
import hashlib
import json
import os
import random
import secrets
import sys
import urllib.parse
from datetime import datetime, timedelta, timezone

import asyncpg

SOCKET, ORIGIN, JOURNAL, KIND = sys.argv[1:5]
USERS = int(sys.argv[5])
WITHIN, LEASE = (timedelta(seconds=float(argument)) for argument in sys.argv[6:8])
TIMEOUT = 5

journal = os.open(JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


class Refused(Exception):
    """Raised if the response of VA.gov is an OAuth error, or does not arrive."""

    def __init__(self, code: str) -> None:
        self.code = code


def note(what: str, token: str) -> None:
    os.write(journal, f"{what} {token}\n".encode())


async def sent(method: str, path: str, body: str = "") -> tuple:
    where = urllib.parse.urlsplit(ORIGIN)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        return (await reader.readuntil(b"\r\n\r\n")).decode(), await reader.read()
    finally:
        writer.close()


async def posted(**form: str) -> dict:
    head, answer = await sent("POST", "/token", urllib.parse.urlencode(form))
    if "chunked" in head.lower():
        # The responses are short, so they have one chunk.
        answer = answer.split(b"\r\n", 1)[1].rsplit(b"\r\n0\r\n", 1)[0]
    answer = json.loads(answer)
    if " 200 " not in head.split("\r\n", 1)[0]:
        raise Refused(answer["error"])
    return answer


class Database:
    """Repeats each call until it succeeds, also if the server restarts."""

    def __init__(self) -> None:
        self.pool = None
        self.connecting = asyncio.Lock()

    async def fetch(self, statement: str, *arguments: object) -> list:
        while True:
            try:
                async with self.connecting:
                    if self.pool is None:
                        self.pool = await asyncpg.create_pool(
                            host=SOCKET, user="app", database="postgres", min_size=1, max_size=4, timeout=5
                        )
                return await self.pool.fetch(statement, *arguments, timeout=10)
            except (OSError, asyncio.TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError,
                    asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError):
                await asyncio.sleep(0.2)


async def sign_in(db: Database, number: int) -> bool:
    """Signs a user in by an authorization code with PKCE. Returns whether the database has the tokens."""
    verifier, state, redirect = secrets.token_urlsafe(32), secrets.token_urlsafe(8), f"http://localhost/?user={number}"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = urllib.parse.urlencode({
        "response_type": "code", "client_id": "service", "redirect_uri": redirect, "state": state,
        "code_challenge": challenge, "code_challenge_method": "S256",
    })
    head, _ = await sent("GET", f"/authorize?{asked}")
    [location] = [line.split(": ", 1)[1] for line in head.split("\r\n") if line.lower().startswith("location: ")]
    back = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)
    if back["state"] != [state]:
        sys.exit("the provider returned another state")
    [code] = back["code"]
    note("ask", code)
    try:
        answer = await asyncio.wait_for(
            posted(grant_type="authorization_code", code=code, client_id="service", redirect_uri=redirect, code_verifier=verifier),
            TIMEOUT)
    except (Refused, OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
        return False
    expires_at = datetime.now(timezone.utc) + timedelta(seconds=answer["expires_in"])
    try:
        await db.fetch("SELECT * FROM vetassist_login($1, $2, $3, $4, $5, $6)", f"ICN{number}", answer["access_token"], expires_at,
                       code.removeprefix("code-"), expires_at, answer["refresh_token"])
    except asyncpg.UniqueViolationError:
        pass  # An earlier call stored the sign-in, but its result was lost.
    note("end", code)
    return True


async def exchange(db: Database, lease_id: object, token: str, number: int) -> None:
    note("ask", token)
    try:
        try:
            answer = await asyncio.wait_for(posted(grant_type="refresh_token", refresh_token=token), TIMEOUT)
        except asyncio.TimeoutError:
            note("late", token)
            raise Refused("timeout") from None
        except (OSError, asyncio.IncompleteReadError):
            raise Refused("other") from None
    except Refused as refused:
        await db.fetch("SELECT * FROM vetassist_fail_refresh($1, $2, $3)", lease_id, refused.code,
                       refused.code == "invalid_grant")
    else:
        signed_in = number % 5 == 2 and random.random() < 0.3 and await sign_in(db, number)
        expires_at = datetime.now(timezone.utc) + timedelta(seconds=answer["expires_in"])
        [row] = await db.fetch("SELECT vetassist_finish_refresh($1, $2, $3, $4)", lease_id, answer["access_token"], expires_at,
                               answer["refresh_token"])
        if signed_in and row[0] != "superseded":
            sys.exit(f"a late answer was {row[0]}")
    note("end", token)


async def work(db: Database, users: list) -> None:
    while True:
        leases = await db.fetch("SELECT * FROM vetassist_claim_refreshes($1, 10, $2)", WITHIN, LEASE)
        await asyncio.gather(*(exchange(db, lease["lease_id"], lease["refresh_token"], users.index(lease["user_id"]))
                               for lease in leases))
        if not leases:
            await asyncio.sleep(0.3)


async def serve(db: Database, users: list) -> None:
    while True:
        number = random.randrange(len(users))
        if number % 10 == 9:
            continue
        [row] = await db.fetch("SELECT * FROM vetassist_use_token($1, $2, $3)", users[number], WITHIN, LEASE)
        if row["state"] == "refresh":
            await exchange(db, row["lease_id"], row["refresh_token"], number)
        await asyncio.sleep(0.1 * random.random())


async def main() -> None:
    # Ends with the process that started it.
    asyncio.get_running_loop().add_reader(sys.stdin, lambda: os._exit(0))
    db = Database()
    users = await db.fetch("SELECT vetassist_find_user('ICN' || n) AS id FROM generate_series(0, $1::int - 1) AS n", USERS)
    users = [user["id"] for user in users]
    if KIND == "worker":
        await work(db, users)
    await asyncio.gather(*(serve(db, users) for _ in range(2)))


asyncio.run(main())
