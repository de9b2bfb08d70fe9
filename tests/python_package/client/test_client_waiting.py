"""Exchanges under contention, and waiting that ends: 30 rounds of 50 callers, cancelled calls, calls of many threads,
several event loops, a provider that hangs."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterator

import asyncpg
import databases
import pytest
import vetassist
import vetassist.aio
from cases import raises
from databases import SERVICE, SOCKET, Database
from kinds import opened
from provider import Provider
from test_client_rules import sign_in
from vetassist.client import RefreshContext, StatementEvent

RING = vetassist.KeyRing([vetassist.generate_key()])
CALLERS = 50


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with databases.made("waiting") as database:
        yield database


@pytest.mark.parametrize(
    ("driver", "isolation", "has_ring", "rounds"),
    [
        ("asyncpg", "read committed", True, 30),
        ("asyncpg", "repeatable read", True, 30),
        ("psycopg", "repeatable read", False, 10),
    ],
)
def test_rounds_of_fifty_callers(driver: str, isolation: str, has_ring: bool, rounds: int) -> None:
    """Each caller has a client of its own, as in as many processes."""
    va = Provider(answer_seconds=0.002)
    options = {"ring": RING} if has_ring else {}
    settings = {"default_transaction_isolation": isolation}

    async def run(database: Database) -> None:
        # A thread for each caller, where the client is a blocking one.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(CALLERS))
        async with opened(driver, database.name, most=25, settings=settings) as kind:
            one = await sign_in(kind.client(**options), va)
            for number in range(1, rounds + 1):
                database.expire(one.user_id)
                callers = [kind.client(refresh=va.refresh, **options) for _ in range(CALLERS)]
                got = await asyncio.gather(*(caller.access_token(one.user_id) for caller in callers))
                assert len({each.token for each in got}) == 1
                assert (va.exchanges, va.reuse) == (number, 0), isolation

    with databases.made("rounds") as database:
        asyncio.run(asyncio.wait_for(run(database), 120))


def test_calls_of_one_client_share_a_step(database: Database) -> None:
    told: list[Any] = []
    va = Provider(answer_seconds=0.05)

    async def run() -> None:
        async with opened("psycopg", database.name) as kind:
            client = kind.client(ring=RING, refresh=va.refresh, on_event=told.append).blocking
            one = await sign_in(kind.client(ring=RING), va)
            database.expire(one.user_id)
            with ThreadPoolExecutor(CALLERS) as threads:
                got = set(threads.map(lambda _: client.access_token(one.user_id).token, range(CALLERS)))
            assert (len(got), va.exchanges) == (1, 1)
            # Those that came while the exchange was under way made none.
            assert len([each for each in told if isinstance(each, StatementEvent)]) < CALLERS / 2
            client.settle()
            assert not [each for each in threading.enumerate() if each.name == "vetassist-refresh"]

    asyncio.run(run())


def test_cancelling_ends_the_waiting_and_no_exchange(database: Database) -> None:
    va = Provider()
    asked: list[RefreshContext] = []

    async def refresh(token: str, about: RefreshContext) -> Any:
        asked.append(about)
        await asyncio.sleep(0.3)
        return va.refresh(token)

    async def run() -> None:
        async with asyncpg.create_pool(host=SOCKET, user=SERVICE, database=database.name) as pool:
            for own, given in [(refresh, None), (None, refresh)]:
                client = vetassist.aio.Client(pool, ring=RING, refresh=own)
                one = await client.sign_in("ICN " + uuid.uuid4().hex[:20], va.issue(), session_seconds=60)
                database.expire(one.user_id)
                before = va.exchanges
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(client.access_token(one.user_id, given), 0.1)
                await client.settle()
                assert va.exchanges == before + 1, "it went on"
                assert (await client.token_status(one.user_id)).state == "ready", "and was stored"
                assert asked[-1] == RefreshContext(one.user_id, 10.0)
        assert va.reuse == 0

    asyncio.run(run())


def test_a_claim_that_is_cancelled_begins_no_more(database: Database) -> None:
    va = Provider(answer_seconds=0.2)

    async def refresh(token: str, _: RefreshContext) -> Any:
        return await asyncio.to_thread(va.refresh, token)

    async def run() -> None:
        async with asyncpg.create_pool(host=SOCKET, user=SERVICE, database=database.name) as pool:
            client = vetassist.aio.Client(pool, ring=RING, refresh=refresh)
            database.rows("UPDATE {va_tokens} SET expires_at = now() + interval '1 day'")
            for _ in range(4):
                one = await client.sign_in("ICN " + uuid.uuid4().hex[:20], va.issue(), session_seconds=60)
                database.expire(one.user_id)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.refresh_expiring(concurrency=1), 0.1)
            await client.settle()
            await asyncio.sleep(0.3)
            assert (va.exchanges, va.reuse) == (1, 0)

    asyncio.run(run())


def test_a_provider_that_hangs(database: Database) -> None:
    async def run() -> None:
        for driver in ("asyncpg", "psycopg"):
            va = Provider()
            async with opened(driver, database.name) as kind:
                client = kind.client(ring=RING, refresh=va.refresh, refresh_timeout_seconds=0.1)
                one = await sign_in(client, va)
                database.expire(one.user_id)
                va.order("silent")
                started = time.monotonic()
                await raises("ERR_REFRESH_TIMEOUT", client.access_token(one.user_id), retryable=True)
                assert time.monotonic() - started < 2, "nobody waits for it"
                assert (await client.token_status(one.user_id)).last_error == "timeout"
                va.closing.set()
                await client.settle()
                assert va.exchanges == 0

    asyncio.run(run())


def test_one_client_in_several_event_loops(database: Database) -> None:
    va = Provider()

    class Connecting:
        """A connection for each statement, so that no loop keeps one."""

        async def query(self, text: str, params: Any) -> Any:
            connection = await asyncpg.connect(host=SOCKET, user=SERVICE, database=database.name)
            try:
                return [tuple(row) for row in await connection.fetch(text, *params)]
            finally:
                await connection.close()

    async def refresh(token: str, _: RefreshContext) -> Any:
        await asyncio.sleep(0.2)
        return va.refresh(token)

    client = vetassist.aio.Client(Connecting(), ring=RING, refresh=refresh)
    one = asyncio.run(client.sign_in("ICN " + uuid.uuid4().hex[:20], va.issue(), session_seconds=60))
    for number in range(1, 4):
        database.expire(one.user_id)
        asyncio.run(client.access_token(one.user_id))
        assert va.exchanges == number, "one after the other"
    # At once, in threads: a loop waits for none of another's tasks.
    database.expire(one.user_id)
    with ThreadPoolExecutor(4) as threads:
        got = set(threads.map(lambda _: asyncio.run(client.access_token(one.user_id)).token, range(4)))
    assert (len(got), va.exchanges, va.reuse) == (1, 4, 0)


def test_a_refresh_of_the_wrong_kind(database: Database) -> None:
    va = Provider()

    async def refresh(token: str, _: RefreshContext) -> Any:
        return va.refresh(token)

    async def run() -> None:
        async with opened("psycopg", database.name) as kind:
            client = kind.client(ring=RING).blocking
            one = client.sign_in("ICN " + uuid.uuid4().hex[:20], va.issue(), session_seconds=60)
            database.expire(one.user_id)
            failed = await raises("ERR_REFRESH_FAILED", asyncio.to_thread(client.access_token, one.user_id, refresh))
            assert "vetassist.aio" in str(failed.__cause__)

    asyncio.run(run())


def test_a_refresh_that_cancels_itself(database: Database) -> None:
    """As some time-outs of HTTP clients do. The caller is not cancelled by that."""

    async def refresh(_token: str, _: RefreshContext) -> Any:
        raise asyncio.CancelledError

    async def run() -> None:
        async with asyncpg.create_pool(host=SOCKET, user=SERVICE, database=database.name) as pool:
            client = vetassist.aio.Client(pool, ring=RING, refresh=refresh)
            one = await sign_in(client, Provider())
            database.expire(one.user_id)
            await raises("ERR_REFRESH_FAILED", client.access_token(one.user_id), retryable=True)
            assert (await client.token_status(one.user_id)).last_error == "cancelled"

    asyncio.run(run())


def test_an_interrupt_loses_no_answer(database: Database) -> None:
    """As when a worker of gunicorn is told to stop, or somebody types Ctrl-C."""
    va = Provider(answer_seconds=0.5)

    def stop(*_: object) -> None:
        raise SystemExit

    async def run() -> None:
        async with opened("psycopg", database.name) as kind:
            one = await sign_in(kind.client(ring=RING), va)
            database.expire(one.user_id)
            client = kind.client(ring=RING, refresh=va.refresh).blocking
            before = signal.signal(signal.SIGALRM, stop)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            try:
                with pytest.raises(SystemExit):
                    client.access_token(one.user_id)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
            client.settle()
            assert client.token_status(one.user_id).state == "ready"
            assert (va.exchanges, va.reuse) == (1, 0)

    asyncio.run(run())
