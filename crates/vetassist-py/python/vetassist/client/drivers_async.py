"""Asynchronous drivers: a pool or a connection of asyncpg or psycopg."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, AsyncContextManager, AsyncIterator, Awaitable, Callable, Optional, Protocol

from .drivers import Params, Row, for_psycopg, in_transaction, rows_of, unknown
from .failure import NotAsked

_TAKES = "a pool or a connection of asyncpg, or one of psycopg's asynchronous ones"

Take = Callable[[], AsyncContextManager[Any]]


class Database(Protocol):
    """Runs statements. Parameters are `$1` and so on, each text or None."""

    async def query(self, text: str, params: Params) -> list[Row]:
        """Returns the rows, each with its two columns."""
        ...


class AsyncpgPool(Protocol):
    """Describes the part of asyncpg's pool that is used."""

    @property
    def acquire(self) -> Any: ...

    @property
    def release(self) -> Any: ...


class AsyncpgConnection(Protocol):
    """Describes the part of asyncpg's connection that is used."""

    @property
    def fetch(self) -> Any: ...

    @property
    def is_in_transaction(self) -> Any: ...


class PsycopgPool(Protocol):
    """Describes the part of psycopg's asynchronous pool that is used."""

    @property
    def getconn(self) -> Any: ...

    @property
    def putconn(self) -> Any: ...

    @property
    def __aenter__(self) -> Any: ...


class PsycopgConnection(Protocol):
    """Describes the part of psycopg's asynchronous connection that is used."""

    @property
    def cursor(self) -> Any: ...

    @property
    def set_autocommit(self) -> Any: ...

    @property
    def __aenter__(self) -> Any: ...


class _Asyncpg:
    """asyncpg, with a connection for each statement."""

    def __init__(self, connection: Take) -> None:
        self._connection = connection

    async def query(self, text: str, params: Params) -> list[Row]:
        async with self._connection() as connection:
            return rows_of(await connection.fetch(text, *params))


class _Psycopg:
    """psycopg, with a connection for each statement."""

    def __init__(self, connection: Take) -> None:
        self._connection = connection

    async def query(self, text: str, params: Params) -> list[Row]:
        async with self._connection() as connection:
            # The cursor is created here, because the connection's own may be AsyncClientCursors, which write parameters into
            # the statement.
            async with import_module("psycopg").AsyncCursor(connection, row_factory=lambda _: tuple) as cursor:
                await cursor.execute(*for_psycopg(text, params))
                return rows_of(await cursor.fetchall()) if cursor.description is not None else []


@asynccontextmanager
async def _outside_transaction(connection: Any) -> AsyncIterator[Any]:
    """Lets a connection of psycopg run statements outside a transaction."""
    if connection.autocommit:
        yield connection
        return
    await connection.set_autocommit(True)
    try:
        yield connection
    finally:
        if not connection.closed:
            await connection.set_autocommit(False)


async def _had(taken: Awaitable[Any]) -> Any:
    """Returns a connection of a pool. If the pool gives none, no statement was sent."""
    failed: Exception
    try:
        return await taken
    except Exception as error:
        failed = error
    raise NotAsked(failed)


def _from_asyncpg(pool: Any) -> Take:
    @asynccontextmanager
    async def borrowed() -> AsyncIterator[Any]:
        connection = await _had(pool.acquire())
        try:
            yield connection
        finally:
            await pool.release(connection)

    return borrowed


def _from_psycopg(pool: Any) -> Take:
    @asynccontextmanager
    async def borrowed() -> AsyncIterator[Any]:
        connection = await _had(pool.getconn())
        try:
            async with _outside_transaction(connection):
                yield connection
        finally:
            await pool.putconn(connection)

    return borrowed


class _OneAtATime:
    """A lock for the running event loop."""

    def __init__(self) -> None:
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._lock: Optional[asyncio.Lock] = None

    def __call__(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if self._lock is None or self._loop is not loop:
            self._loop, self._lock = loop, asyncio.Lock()
        return self._lock


def _of_asyncpg(connection: Any) -> Take:
    lock = _OneAtATime()

    @asynccontextmanager
    async def borrowed() -> AsyncIterator[Any]:
        async with lock():
            if connection.is_in_transaction():
                raise in_transaction()
            yield connection

    return borrowed


def _of_psycopg(connection: Any) -> Take:
    lock = _OneAtATime()

    @asynccontextmanager
    async def borrowed() -> AsyncIterator[Any]:
        async with lock():
            # 0 is IDLE in libpq.
            if not connection.closed and connection.info.transaction_status != 0:
                raise in_transaction()
            async with _outside_transaction(connection):
                yield connection

    return borrowed


def _as_it_is(connection: Any) -> Take:
    @asynccontextmanager
    async def borrowed() -> AsyncIterator[Any]:
        yield connection

    return borrowed


def _is_asyncpg(connection: Any) -> bool:
    return hasattr(connection, "fetch") and hasattr(connection, "is_in_transaction")


def _is_psycopg(connection: Any) -> bool:
    return hasattr(connection, "pgconn") and hasattr(connection, "__aenter__")


def database_of(db: Any) -> Database:
    """Returns the driver for a database, outside a transaction."""
    if callable(getattr(db, "query", None)):
        found: Database = db
        return found
    if hasattr(db, "acquire") and hasattr(db, "fetch"):
        return _Asyncpg(_from_asyncpg(db))
    if _is_asyncpg(db):
        return _Asyncpg(_of_asyncpg(db))
    if hasattr(db, "getconn") and hasattr(db, "__aenter__"):
        return _Psycopg(_from_psycopg(db))
    if _is_psycopg(db):
        return _Psycopg(_of_psycopg(db))
    raise unknown("db", _TAKES)


def transaction_of(connection: Any) -> Database:
    """Returns the driver for a transaction of the caller."""
    if callable(getattr(connection, "query", None)):
        found: Database = connection
        return found
    if _is_asyncpg(connection) and not hasattr(connection, "acquire"):
        return _Asyncpg(_as_it_is(connection))
    if _is_psycopg(connection):
        return _Psycopg(_as_it_is(connection))
    raise unknown("connection", "a connection of asyncpg or psycopg, not a pool")
