"""Tests that no exchanged token is lost: not with broken connections, not when a caller is interrupted, and not if the token
endpoint's response has odd members."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterator

import databases
import psycopg
import psycopg_pool
import pytest
import sqlalchemy
import vetassist
import vetassist.aio
from cases import raises
from databases import SERVICE, SOCKET, Database
from kinds import ASYNC, opened
from provider import Provider
from spies import between
from test_client_rules import icn, sign_in

# These are also the server's keys, so either end may seal.
RING = vetassist.KeyRing(databases.SERVER_KEYS)
CONNECTIONS = 12
ABOUT: dict[str, Any] = {"host": SOCKET, "user": SERVICE}


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with databases.made("losses") as database:
        yield database


def _break_connections(database: Database) -> None:
    database.rows(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = %s",
        [SERVICE],
    )


async def _fill(kind: Any) -> None:
    """Lets a pool open all its connections."""
    taken = [kind.pool.acquire() if kind.name == "asyncpg" else kind.pool.getconn() for _ in range(CONNECTIONS)]
    connections = [await each if kind.name in ASYNC else each for each in taken]
    for each in connections:
        given = kind.pool.release(each) if kind.name == "asyncpg" else kind.pool.putconn(each)
        if kind.name in ASYNC:
            await given


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg-async", "psycopg", "psycopg2"])
def test_new_tokens_are_stored_after_all_connections_of_the_pool_broke(driver: str, database: Database) -> None:
    """A restart of the server does this. Each attempt to store finds one broken connection more."""
    va = Provider()

    def refresh(token: str, about: Any) -> Any:
        answer = va.refresh(token, about)
        _break_connections(database)
        return answer

    async def run() -> None:
        async with opened(driver, database.name, most=CONNECTIONS) as kind:
            await _fill(kind)
            client = kind.client(ring=RING, refresh=refresh)
            one = await sign_in(client, va)
            database.expire(one.user_id)
            kept = await client.access_token(one.user_id)
            assert (await client.access_token(one.user_id)).token == kept.token
            assert (va.exchanges, va.reuse) == (1, 0)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_an_engine_drops_broken_connections_without_an_error_in_its_log(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    engine = sqlalchemy.create_engine(f"postgresql+psycopg2://{SERVICE}@/{database.name}?host={SOCKET}", pool_size=1)
    try:
        client = vetassist.Client(engine, ring=RING)
        assert client.user(uuid.uuid4()) is None
        _break_connections(database)
        with pytest.raises(vetassist.VetassistError) as broken:
            client.user(uuid.uuid4())
        assert broken.value.code == "ERR_DATABASE" and broken.value.retryable
        assert client.user(uuid.uuid4()) is None
        assert [each.getMessage() for each in caplog.records if each.name.startswith("sqlalchemy")] == []
    finally:
        engine.dispose()


class Stop(BaseException):
    """Interrupts a caller, as a timeout of gevent does."""


def test_an_interrupt_while_new_tokens_are_being_stored_loses_none(database: Database) -> None:
    va = Provider()

    def stop(*_: object) -> None:
        raise Stop

    def slowly(text: str, _: Any) -> None:
        if "vetassist_finish_refresh" in text:
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.3)

    async def run() -> None:
        async with opened("psycopg", database.name) as kind:
            one = await sign_in(kind.client(ring=RING), va)
            database.expire(one.user_id)
            client = kind.client(db=between(kind, before=slowly), ring=RING, refresh=va.refresh).blocking
            before = signal.signal(signal.SIGUSR1, stop)
            try:
                with pytest.raises(Stop):
                    client.access_token(one.user_id)
            finally:
                signal.signal(signal.SIGUSR1, before)
            client.settle()
            assert (client.token_status(one.user_id).state, va.exchanges, va.reuse) == ("ready", 1, 0)

    asyncio.run(run())


def test_an_interrupt_of_one_caller_does_not_interrupt_those_that_share_its_exchange(database: Database) -> None:
    va = Provider()
    began, waiting = threading.Event(), threading.Event()

    def stops(text: str, _: Any) -> None:
        if "vetassist_use_token" in text and not began.is_set():
            began.set()
            waiting.wait(10)
            raise Stop

    async def run() -> None:
        async with opened("psycopg", database.name) as kind:
            one = await sign_in(kind.client(ring=RING), va)
            client = kind.client(db=between(kind, before=stops), ring=RING, refresh=va.refresh).blocking
            with ThreadPoolExecutor(2) as threads:
                first = threads.submit(client.access_token, one.user_id)
                began.wait(10)
                second = threads.submit(client.access_token, one.user_id)
                time.sleep(0.1)
                waiting.set()
                assert second.result(10).token, "the second caller asks by itself"
                with pytest.raises(Stop):
                    first.result(10)

    asyncio.run(run())


def test_a_child_process_does_not_wait_for_an_exchange_of_its_parent(database: Database) -> None:
    va = Provider(answer_seconds=2)

    class Connecting:
        """Opens a connection for each statement, because a child must not use its parent's."""

        def query(self, text: str, params: Any) -> Any:
            with psycopg.connect(**ABOUT, dbname=database.name, autocommit=True) as connection:
                return vetassist.Client(connection, ring=RING)._database.query(text, params)

    client = vetassist.Client(Connecting(), ring=RING, refresh=va.refresh)
    one = client.sign_in(icn(), va.issue(), session_seconds=60)
    database.expire(one.user_id, 30)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(client.access_token, one.user_id)
        time.sleep(0.5)
        child = os.fork()
        if child == 0:
            # The old token is still valid. The child ends at once, without the tests' own cleaning up.
            signal.alarm(10)
            os._exit(0 if client.access_token(one.user_id, wait_seconds=0).token else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert running.result(10).token
    assert va.exchanges == 1


@pytest.mark.parametrize("times", [1, 5])
def test_a_pool_of_psycopg_loses_no_connection_to_cancelled_calls(times: int, database: Database) -> None:
    """Frameworks on anyio cancel a task again and again until it ends."""

    async def run() -> None:
        async with psycopg_pool.AsyncConnectionPool(
            kwargs={**ABOUT, "dbname": database.name}, min_size=2, max_size=2, open=False
        ) as pool:
            client = vetassist.aio.Client(pool, ring=RING)

            async def cancelled(number: int) -> None:
                call = asyncio.ensure_future(client.user(uuid.uuid4()))
                await asyncio.sleep(number % 20 / 4000)
                for _ in range(times):
                    call.cancel()
                    await asyncio.sleep(0)
                await asyncio.wait({call})
                assert call.cancelled() or call.exception() is None

            async def several(first: int) -> None:
                for number in range(first, first + 40):
                    await cancelled(number)

            await asyncio.gather(*(several(first) for first in range(8)))
            connections = [await pool.getconn(5) for _ in range(2)]
            assert [(each.autocommit, each.info.transaction_status) for each in connections] == [(False, 0)] * 2
            for each in connections:
                await pool.putconn(each)

    asyncio.run(asyncio.wait_for(run(), 60))


@pytest.mark.parametrize("has_ring", [True, False])
@pytest.mark.parametrize(
    "odd",
    [
        {"expires_in": "soon"},
        {"expires_in": -1},
        {"expires_in": 10**400},
        {"scope": ["openid"]},
        {"scope": "x" * 501},
        {"scope": "\ud800"},
        {"scope": "a\0"},
        {"token_type": "y" * 21},
        {"token_type": 7},
    ],
    ids=lambda odd: f"{odd}"[:30].encode("ascii", "backslashreplace").decode(),
)
def test_odd_members_of_a_response_do_not_lose_its_tokens(has_ring: bool, odd: dict[str, Any], database: Database) -> None:
    va = Provider()

    async def run() -> None:
        async with opened("asyncpg", database.name) as kind:
            options = {"ring": RING} if has_ring else {}
            client = kind.client(refresh=lambda token, _: {**va.refresh(token), **odd}, **options)
            one = await sign_in(client, va)
            database.expire(one.user_id)
            if "expires_in" in odd:
                await raises("ERR_NO_LIFETIME", client.access_token(one.user_id), user_id=one.user_id)
            else:
                assert (await client.access_token(one.user_id)).token
            database.expire(one.user_id)
            good = kind.client(refresh=va.refresh, **options)
            assert (await good.access_token(one.user_id)).token
            assert (va.exchanges, va.reuse) == (2, 0), "the new refresh token was stored, and used"
            assert (await good.token_status(one.user_id)).scope == "openid offline_access"

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_response_without_a_token_is_a_failed_refresh(database: Database) -> None:
    async def run() -> None:
        async with opened("asyncpg", database.name) as kind:
            for wrong in [None, "token", {}, {"access_token": ""}, {"access_token": 7}, ["x"], {"access_token": "x", "refresh_token": 7}]:
                client = kind.client(ring=RING, refresh=lambda _token, _about: wrong)
                one = await sign_in(client, Provider())
                database.expire(one.user_id)
                failed = await raises("ERR_REFRESH_FAILED", client.access_token(one.user_id), retryable=True)
                assert "access_token" in str(failed.__cause__) or "refresh_token" in str(failed.__cause__)
                assert (await client.token_status(one.user_id)).last_error == "other"

    asyncio.run(run())
