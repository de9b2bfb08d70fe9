"""Tests concurrent exchanges and the end of waiting: 30 rounds of 50 callers, cancelled calls, many threads, several
event loops, and a provider that does not respond."""

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
def test_fifty_callers_cause_one_exchange_in_each_round(driver: str, isolation: str, has_ring: bool, rounds: int) -> None:
    """Each caller has its own client, as separate processes would."""
    va = Provider(answer_seconds=0.002)
    options = {"ring": RING} if has_ring else {}
    settings = {"default_transaction_isolation": isolation}

    async def run(database: Database) -> None:
        # With a blocking client each caller needs a thread.
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


def test_concurrent_calls_of_one_client_share_an_exchange(database: Database) -> None:
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
            # Calls during the exchange sent no statement of their own.
            assert len([each for each in told if isinstance(each, StatementEvent)]) < CALLERS / 2
            client.settle()
            assert not [each for each in threading.enumerate() if each.name == "vetassist-refresh"]

    asyncio.run(run())


def test_cancelling_a_call_does_not_cancel_its_exchange(database: Database) -> None:
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
                assert va.exchanges == before + 1, "the exchange was completed"
                assert (await client.token_status(one.user_id)).state == "ready", "the new tokens were stored"
                assert asked[-1] == RefreshContext(one.user_id, 10.0)
        assert va.reuse == 0

    asyncio.run(run())


def test_no_exchange_begins_after_refresh_expiring_is_cancelled(database: Database) -> None:
    va = Provider(answer_seconds=0.2)

    began: asyncio.Event

    async def refresh(token: str, _: RefreshContext) -> Any:
        began.set()
        return await asyncio.to_thread(va.refresh, token)

    async def run() -> None:
        nonlocal began
        # In Python 3.9 an event belongs to the loop in which it is made.
        began = asyncio.Event()
        async with asyncpg.create_pool(host=SOCKET, user=SERVICE, database=database.name) as pool:
            client = vetassist.aio.Client(pool, ring=RING, refresh=refresh)
            database.rows("UPDATE {va_tokens} SET expires_at = now() + interval '1 day'")
            for _ in range(4):
                one = await client.sign_in("ICN " + uuid.uuid4().hex[:20], va.issue(), session_seconds=60)
                database.expire(one.user_id)
            call = asyncio.ensure_future(client.refresh_expiring(concurrency=1))
            await asyncio.wait_for(began.wait(), 10)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await client.settle()
            await asyncio.sleep(0.3)
            assert (va.exchanges, va.reuse) == (1, 0)

    asyncio.run(run())


def test_a_call_ends_if_the_provider_does_not_respond(database: Database) -> None:
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
                assert time.monotonic() - started < 2, "the call waits no longer than the timeout"
                assert (await client.token_status(one.user_id)).last_error == "timeout"
                va.closing.set()
                await client.settle()
                assert va.exchanges == 0

    asyncio.run(run())


def test_a_client_can_be_used_in_several_event_loops(database: Database) -> None:
    va = Provider()

    class Connecting:
        """Opens a connection for each statement, because a connection belongs to one event loop."""

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
        assert va.exchanges == number, "each loop makes one exchange"
    # Now the loops run concurrently, in threads. No loop waits for a task of another.
    database.expire(one.user_id)
    with ThreadPoolExecutor(4) as threads:
        got = set(threads.map(lambda _: asyncio.run(client.access_token(one.user_id)).token, range(4)))
    assert (len(got), va.exchanges, va.reuse) == (1, 4, 0)


def test_an_asynchronous_refresh_in_a_blocking_client_is_an_error(database: Database) -> None:
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


def test_a_refresh_that_cancels_itself_is_a_failed_refresh(database: Database) -> None:
    """The timeouts of some HTTP clients do this. It does not cancel the caller."""

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


def test_an_interrupted_call_still_stores_its_new_tokens(database: Database) -> None:
    """An interrupt is, for example, gunicorn stopping a worker, or Ctrl-C."""
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
