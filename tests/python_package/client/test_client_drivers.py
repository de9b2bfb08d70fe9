"""Tests what differs between drivers: transactions of the caller, single connections, kinds of cursors, and that
psycopg2 writes parameters into statements."""

from __future__ import annotations

import asyncio
import os
import re
import uuid
from typing import Any, Iterator

import asyncpg
import databases
import psycopg
import psycopg2
import psycopg2.extras
import pytest
import sqlalchemy
import vetassist
import vetassist.aio
from cases import raises
from databases import SERVICE, SOCKET, Database
from kinds import opened
from provider import Provider
from psycopg.rows import dict_row
from sqlalchemy.orm import Session
from test_client_rules import icn, sign_in

KEY = vetassist.generate_key()
RING = vetassist.KeyRing([KEY])
EXCHANGING = ("access_token", "with_token", "refresh_expiring", "rotate_tokens", "check", "within")


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with databases.made("drivers") as database:
        yield database


@pytest.fixture
def fresh() -> Iterator[Database]:
    with databases.made("fresh") as database:
        yield database


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg-async", "psycopg", "psycopg2"])
def test_a_client_works_in_the_callers_transaction_and_does_not_end_it(driver: str, database: Database) -> None:
    gone, va = icn(), Provider()
    about: dict[str, Any] = {"host": SOCKET, "user": SERVICE, "dbname": database.name}

    async def run() -> None:
        connection: Any
        async with opened(driver, database.name) as kind:
            client = kind.client(ring=RING)
            await client.user(uuid.uuid4())
            if driver == "asyncpg":
                connection = await asyncpg.connect(host=SOCKET, user=SERVICE, database=database.name)
                transaction = connection.transaction()
                await transaction.start()
            elif driver == "psycopg-async":
                connection = await psycopg.AsyncConnection.connect(**about)
            else:
                connection = (psycopg if driver == "psycopg" else psycopg2).connect(**about)
            within = client.within(connection)
            for name in EXCHANGING:
                plain = within.awaited if driver in ("asyncpg", "psycopg-async") else within.blocking
                assert not hasattr(plain, name), f"{name} is available in a transaction"
            made = await sign_in(within, va, va_icn=gone)
            assert await within.session(made.jwt_id) is not None
            assert await client.session(made.jwt_id) is None, "the transaction has not been committed"
            # A client of this connection would have to end the transaction.
            alone = kind.client(db=connection, ring=RING)
            await raises("ERR_INVALID_ARG_TYPE", alone.user(made.user_id))
            await (transaction.rollback() if driver == "asyncpg" else _awaited(connection.rollback()))
            # Outside a transaction the connection works, also for concurrent calls.
            found = await asyncio.gather(*(alone.user(made.user_id) for _ in range(5)))
            assert found == [None] * 5
            await _awaited(connection.close())
        assert database.rows("SELECT 1 FROM {users} WHERE va_icn = %s", [gone]) == []

    async def _awaited(answer: Any) -> None:
        if answer is not None:
            await answer

    asyncio.run(run())


def test_the_settings_of_a_connection_are_unchanged_after_a_call(database: Database) -> None:
    for driver in (psycopg, psycopg2):
        connection: Any = driver.connect(host=SOCKET, user=SERVICE, dbname=database.name)
        client = vetassist.Client(connection, ring=RING)
        assert client.user(uuid.uuid4()) is None
        assert connection.autocommit is False and connection.info.transaction_status == 0
        connection.close()
        with pytest.raises(vetassist.VetassistError) as closed:
            client.user(uuid.uuid4())
        assert closed.value.code == "ERR_DATABASE" and closed.value.retryable


def test_a_connection_may_have_any_row_factory_and_cursor_factory(database: Database) -> None:
    va = Provider()
    connection: Any = psycopg.connect(
        host=SOCKET, user=SERVICE, dbname=database.name, row_factory=dict_row, cursor_factory=psycopg.ClientCursor
    )
    with connection:
        # ClientCursor writes parameters into the statement, as psycopg2 does. The client's own cursor does not.
        client = vetassist.Client(connection, schema="public")
        token = f"secret-{uuid.uuid4().hex}"
        one = client.sign_in(icn(), {**va.issue(), "access_token": token}, session_seconds=60)
        shown = _statements(database)
        assert "vetassist_login" in shown and token not in shown
        assert client.user(one.user_id) is not None
    for factory in (psycopg2.extras.NamedTupleCursor, psycopg2.extras.DictCursor, psycopg2.extras.RealDictCursor):
        old = psycopg2.connect(host=SOCKET, user=SERVICE, dbname=database.name, cursor_factory=factory)
        assert vetassist.Client(old, ring=RING).user(one.user_id) is not None
        old.close()


def _statements(database: Database) -> str:
    """Returns the statements of this database in pg_stat_activity."""
    return "\n".join(
        row[0] for row in database.rows("SELECT query FROM pg_stat_activity WHERE datname = current_database()")
    )


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg-async", "psycopg", "psycopg2"])
def test_a_connection_without_a_transaction_is_refused_where_one_is_needed(driver: str, fresh: Database) -> None:
    """Otherwise each statement would be committed, and the caller's rollback would undo nothing."""
    about: dict[str, Any] = {"host": SOCKET, "user": SERVICE}

    async def run() -> None:
        connection: Any
        async with opened(driver, fresh.name) as kind:
            client, va, made = kind.client(ring=RING), Provider(), icn()
            if driver == "asyncpg":
                connection = await asyncpg.connect(**about, database=fresh.name)
            elif driver == "psycopg-async":
                connection = await psycopg.AsyncConnection.connect(**about, dbname=fresh.name, autocommit=True)
            elif driver == "psycopg":
                connection = psycopg.connect(**about, dbname=fresh.name, autocommit=True)
            else:
                connection = psycopg2.connect(**about, dbname=fresh.name)
                connection.autocommit = True
            within = client.within(connection)
            refused = await raises("ERR_INVALID_ARG_TYPE", sign_in(within, va, va_icn=made))
            assert "transaction" in str(refused)
            run = connection.cursor().execute if driver == "psycopg2" else connection.execute
            for statement in ("BEGIN", None, "ROLLBACK"):
                if statement is None:
                    assert (await sign_in(within, va, va_icn=made)).session_id
                elif driver in ("asyncpg", "psycopg-async"):
                    await run(statement)
                else:
                    run(statement)
            if driver in ("asyncpg", "psycopg-async"):
                await connection.close()
            else:
                connection.close()
            assert fresh.rows("SELECT 1 FROM {users} WHERE va_icn = %s", [made]) == []

    asyncio.run(run())


def test_a_client_needs_no_cursor_of_the_connections_own_kind(fresh: Database) -> None:
    """A cursor of this kind cannot execute a statement before its connection has a logger."""
    connection = psycopg2.connect(
        host=SOCKET, user=SERVICE, dbname=fresh.name, cursor_factory=psycopg2.extras.LoggingCursor
    )
    try:
        assert vetassist.Client(connection, ring=RING).user(uuid.uuid4()) is None
    finally:
        connection.close()


def test_the_codecs_of_a_connection_have_no_effect(fresh: Database) -> None:
    """Services register their own types for json and uuid."""

    async def run() -> None:
        connection = await asyncpg.connect(host=SOCKET, user=SERVICE, database=fresh.name)
        for of_json in ("json", "jsonb"):
            await connection.set_type_codec(
                of_json, schema="pg_catalog", encoder=lambda _: "7", decoder=lambda _: object()
            )
        await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=lambda _: "no UUID")
        client = vetassist.aio.Client(connection, ring=RING)
        one = await sign_in(client, Provider(), device_info={"agent": "x"})
        session = await client.session(one.jwt_id)
        assert session is not None and session.device_info == {"agent": "x"}
        await connection.close()

    asyncio.run(run())


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_client_works_with_an_engine_of_sqlalchemy(driver: str, fresh: Database) -> None:
    address = f"postgresql+{driver}://{SERVICE}@/{fresh.name}?host={SOCKET}"
    engine = sqlalchemy.create_engine(address, pool_size=1, max_overflow=0, pool_timeout=0.2)
    client, va, gone = vetassist.Client(engine, ring=RING), Provider(), icn()
    try:
        one = client.sign_in(icn(), va.issue(), session_seconds=60)
        assert client.session(one.jwt_id) is not None
        with Session(engine) as session:
            # This account is created in the session's transaction, so the rollback removes it.
            connection = session.connection().connection.driver_connection
            assert connection is not None
            client.within(connection).sign_in(gone, va.issue(), session_seconds=60)
            with pytest.raises(vetassist.VetassistError) as taken:
                client.end_sessions(one.user_id)
            assert taken.value.retryable, "the engine has no other connection, so no statement was sent"
            session.rollback()
        assert fresh.rows("SELECT 1 FROM {users} WHERE va_icn = %s", [gone]) == []
        with engine.connect() as pooled:
            assert getattr(pooled.connection.driver_connection, "autocommit") is False, "autocommit is unchanged"
        if driver == "psycopg2":
            with pytest.raises(vetassist.InvalidTypeError, match="server's log"):
                vetassist.Client(engine)
    finally:
        engine.dispose()
    with pytest.raises(vetassist.InvalidTypeError, match="SQLAlchemy"):
        vetassist.Client(sqlalchemy.create_engine("sqlite://"), ring=RING)


def test_psycopg2_without_a_ring_is_refused(database: Database) -> None:
    connection: Any = psycopg2.connect(host=SOCKET, user=SERVICE, dbname=database.name)
    try:
        with pytest.raises(vetassist.InvalidTypeError, match="server's log"):
            vetassist.Client(connection)
        pool = psycopg.connect(host=SOCKET, user=SERVICE, dbname=database.name)
        with pool, pytest.raises(vetassist.InvalidTypeError, match="server's log"):
            vetassist.Client(pool).within(connection)
    finally:
        connection.close()


def test_a_driver_of_the_other_kind_is_refused_with_a_hint(database: Database) -> None:
    async def run() -> None:
        async with opened("asyncpg", database.name) as kind:
            with pytest.raises(vetassist.InvalidTypeError, match="vetassist.aio.Client"):
                vetassist.Client(kind.pool)
        async with opened("psycopg-async", database.name) as kind:
            with pytest.raises(vetassist.InvalidTypeError, match="vetassist.aio.Client"):
                vetassist.Client(kind.pool)
        for driver in ("psycopg", "psycopg2"):
            async with opened(driver, database.name) as kind:
                with pytest.raises(vetassist.InvalidTypeError, match="asynchronous"):
                    vetassist.aio.Client(kind.pool)

    asyncio.run(run())


def test_the_servers_log_contains_no_secret_with_psycopg2() -> None:
    """The server logs every statement, its duration, and every error with its statement."""
    secret = uuid.uuid4().hex
    with databases.made("logged") as database:
        for setting in (
            "log_statement = 'all'",
            "log_min_duration_statement = 0",
            "log_min_error_statement = 'debug5'",
        ):
            database.rows(f"ALTER DATABASE {database.name} SET {setting}")
        connection: Any = psycopg2.connect(host=SOCKET, user=SERVICE, dbname=database.name)
        va = Provider()

        def marked() -> dict[str, Any]:
            return {
                **va.issue(),
                "access_token": f"access-{secret}-{uuid.uuid4()}",
                "refresh_token": f"refresh-{secret}",
            }

        asked: list[str] = []

        def refresh(token: str, _: object) -> dict[str, Any]:
            asked.append(token)
            return marked()

        client = vetassist.Client(connection, ring=RING, refresh=refresh)
        address = "203.0.113.77"
        one = client.sign_in(
            f"ICN {secret[:20]}", marked(), session_seconds=60, ip=address, device_info={"ip": address}
        )
        with pytest.raises(vetassist.VetassistError):
            client.sign_in(icn(), marked(), session_seconds=60, jwt_id=one.jwt_id, ip=address)
        client.store_tokens(one.user_id, marked())
        database.expire(one.user_id)
        assert secret in client.access_token(one.user_id).token and len(asked) == 1
        database.expire(one.user_id)
        assert client.refresh_expiring().stored == 1
        rotating = vetassist.Client(connection, ring=vetassist.KeyRing([vetassist.generate_key(), KEY]))
        assert rotating.rotate_tokens().resealed == 1
        assert rotating.erase_user(one.user_id).tokens is not None
        connection.close()
        log = _log_of(secret)
    # The ICN is in the log, which shows that this is the right log.
    assert secret[:20] in log
    for form in (secret, secret.encode().hex(), KEY.hex(), address):
        assert form not in log.replace(f"ICN {secret[:20]}", ""), "the server's log contains a secret"
    assert re.search("vetassist_finish_refresh_sealed", log) and "vetassist_reseal" in log


def _log_of(marker: str) -> str:
    with open(os.environ["VETASSIST_TEST_LOG"], encoding="utf-8", errors="replace") as log:
        content = log.read()
    return content[max(0, content.index(marker[:20]) - 10_000) :]
