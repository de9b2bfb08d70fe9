"""Measures sign-ins: vetassist_login beside the statements of a backend that seals by itself.

Arguments: the folder of the server's socket, the database, the path of pgbench, the ring's only master key in hex,
rounds, sign-ins of each kind in a round. Prints one comparison on each line, as JSON.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import asyncpg

sys.path.insert(0, str(Path(__file__).parent.parent / "tests/python"))
from sealing import plain_hash, seal, user_cipher  # noqa: E402

CONNECTIONS = 8
TOKEN = "t" * 1024
ADDRESS = "203.0.113.7"


async def by_login(db, _master, icn, expires):
    await db.fetchrow(
        "SELECT user_id, session_id FROM vetassist_login($1, $2, $3, $4, $5, refresh_token => $6, scope => $7, ip => $8)",
        icn, TOKEN, expires, str(uuid.uuid4()), expires, TOKEN, "openid profile", ADDRESS)


async def by_statements(db, master, icn, expires):
    async with db.transaction():
        user = await db.fetchval("SELECT id FROM vetassist_users WHERE va_icn = $1", icn)
        user = await db.fetchval(
            "INSERT INTO vetassist_users (id, va_icn, last_login_at) VALUES ($1, $2, now())"
            " ON CONFLICT (va_icn) DO UPDATE SET last_login_at = now() RETURNING id",
            user or uuid.uuid4(), icn)
        cipher = user_cipher(master, user)
        await db.execute(
            "INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, scope, expires_at)"
            " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id) DO UPDATE SET"
            " access_token_encrypted = excluded.access_token_encrypted,"
            " refresh_token_encrypted = excluded.refresh_token_encrypted, scope = excluded.scope,"
            " expires_at = excluded.expires_at, refreshed_at = now()",
            user, seal(cipher, TOKEN), seal(cipher, TOKEN), "openid profile", expires)
        session = await db.fetchval(
            "INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at) VALUES ($1, $2, $3) RETURNING id",
            user, str(uuid.uuid4()), expires)
        await db.execute(
            "INSERT INTO vetassist_auth_audit (user_id, event_type, event_data, ip_hash) VALUES ($1, 'login', $2, $3)",
            user, json.dumps({"session_id": str(session)}), plain_hash(ADDRESS))


async def nanoseconds(connections, how, master, count):
    """Measures a sign-in while all connections sign in. Half of the veterans have an account already."""
    expires = datetime.now(timezone.utc) + timedelta(hours=1)

    async def one(number, db):
        for step in range(count // CONNECTIONS):
            icn = f"{how.__name__}-{number}-{step // 2}-{uuid.uuid4() if step % 2 else 'again'}"
            await how(db, master, icn[:50], expires)

    started = time.perf_counter()
    await asyncio.gather(*(one(number, db) for number, db in enumerate(connections)))
    return (time.perf_counter() - started) * 1e9 / count


def by_pgbench(pgbench, socket, database, count):
    """Measures a sign-in with pgbench, whose own cost is almost nothing."""
    ran = subprocess.run(
        [pgbench, "-h", socket, "-U", "postgres", "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "1",
         "-t", str(count // CONNECTIONS), "-D", f"token={TOKEN}", "-f", Path(__file__).parent / "sign_in.sql", database],
        check=True, stdout=subprocess.PIPE, text=True)
    return 1e9 / float(re.search(r"^tps = ([0-9.]+) \(without", ran.stdout, re.MULTILINE)[1])


async def main(socket, database, pgbench, master, rounds, count):
    key, count = bytes.fromhex(master), int(count)
    connections = [
        await asyncpg.connect(host=socket, user="postgres", database=database) for _ in range(CONNECTIONS)]
    ways = {
        by_login: lambda: nanoseconds(connections, by_login, key, count),
        by_statements: lambda: nanoseconds(connections, by_statements, key, count),
        by_pgbench: lambda: asyncio.to_thread(by_pgbench, pgbench, socket, database, count),
    }
    measured = []
    for number in range(int(rounds) + 1):
        order = list(ways)[:: 1 if number % 2 else -1]
        measured.append({how: await ways[how]() for how in order})
    for db in connections:
        await db.close()
    for how, ours, target in [
        (by_login, "vetassist_login from asyncpg", 0.3333),
        (by_pgbench, "vetassist_login from pgbench", None),
    ]:
        print(json.dumps({
            "family": "job", "what": "a sign-in", "ours": ours,
            "other": "five statements from asyncpg, cryptography", "unit": "ns", "target": target,
            # The first round prepares the statements of the connections and does not count.
            "rounds": [[times[how], times[by_statements]] for times in measured[1:]]}))


asyncio.run(main(*sys.argv[1:]))
