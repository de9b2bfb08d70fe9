"""Refreshes tokens: as a worker, which claims due tokens, or as a web process, which refreshes on demand.

    refresher.py SOCKET ORIGIN JOURNAL worker|web USERS WITHIN LEASE

It runs until it is killed or its standard input ends. To the journal it writes `ask TOKEN` before each exchange, and then
`end TOKEN` once the database has the outcome, or `late TOKEN` if VA.gov did not respond in time. Each line is written when
the call returns, so it is kept even if the process is killed.
"""

import asyncio
import json
import os
import random
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


async def posted(token: str) -> dict:
    where = urllib.parse.urlsplit(ORIGIN)
    body = urllib.parse.urlencode({"grant_type": "refresh_token", "refresh_token": token})
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(
            f"POST /token HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        answer = await reader.read()
    finally:
        writer.close()
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


async def exchange(db: Database, lease_id: object, token: str) -> None:
    note("ask", token)
    try:
        try:
            answer = await asyncio.wait_for(posted(token), TIMEOUT)
        except asyncio.TimeoutError:
            note("late", token)
            raise Refused("timeout") from None
        except (OSError, asyncio.IncompleteReadError):
            raise Refused("other") from None
    except Refused as refused:
        await db.fetch("SELECT * FROM vetassist_fail_refresh($1, $2, $3)", lease_id, refused.code,
                       refused.code == "invalid_grant")
    else:
        expires_at = datetime.now(timezone.utc) + timedelta(seconds=answer["expires_in"])
        await db.fetch("SELECT vetassist_finish_refresh($1, $2, $3, $4)", lease_id, answer["access_token"], expires_at,
                       answer["refresh_token"])
    note("end", token)


async def work(db: Database) -> None:
    while True:
        leases = await db.fetch("SELECT * FROM vetassist_claim_refreshes($1, 10, $2)", WITHIN, LEASE)
        await asyncio.gather(*(exchange(db, lease["lease_id"], lease["refresh_token"]) for lease in leases))
        if not leases:
            await asyncio.sleep(0.3)


async def serve(db: Database, users: list) -> None:
    while True:
        [row] = await db.fetch("SELECT * FROM vetassist_use_token($1, $2, $3)", random.choice(users), WITHIN, LEASE)
        if row["state"] == "refresh":
            await exchange(db, row["lease_id"], row["refresh_token"])
        await asyncio.sleep(0.1 * random.random())


async def main() -> None:
    # Ends with the process that started it.
    asyncio.get_running_loop().add_reader(sys.stdin, lambda: os._exit(0))
    db = Database()
    if KIND == "worker":
        await work(db)
    users = await db.fetch("SELECT vetassist_find_user('ICN' || n) AS id FROM generate_series(0, $1::int - 1) AS n", USERS)
    await asyncio.gather(*(serve(db, [user["id"] for user in users]) for _ in range(2)))


asyncio.run(main())
