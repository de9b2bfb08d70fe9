"""Asynchronous drivers: a pool or a connection of asyncpg or psycopg."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, AsyncContextManager, AsyncIterator, Awaitable, Callable, Coroutine, Optional, Protocol, TypeVar

from .drivers import Params, Row, for_psycopg, in_transaction, no_transaction, rows_of, unknown
from .failure import NotAsked

_TAKES = "a pool or a connection of asyncpg, or one of psycopg's asynchronous ones"

T = TypeVar("T")
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


async def _before_asking(prepared: Awaitable[Any]) -> Any:
    """Takes or prepares a connection. If that fails, no statement was sent."""
    failed: Exception
    try:
        return await prepared
    except Exception as error:
        failed = error
    raise NotAsked(failed)


# The event loop has only weak references to tasks.
_underway: set[asyncio.Task[Any]] = set()


def _kept(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Starts work that ends even if the caller is cancelled, once or again and again."""
    task = asyncio.ensure_future(work)
    _underway.add(task)

    def end(task: asyncio.Task[T]) -> None:
        _underway.discard(task)
        # If no caller waits any more, the error is read here, so that the loop does not report it.
        if not task.cancelled():
            task.exception()

    task.add_done_callback(end)
    return task


@asynccontextmanager
async def _outside_transaction(
    connection: Any, give_back: Callable[[], Coroutine[Any, Any, None]]
) -> AsyncIterator[Any]:
    """Lets a connection of psycopg run statements outside a transaction, and gives it back as it was."""
    was_autocommit = connection.autocommit

    async def end() -> None:
        try:
            if not was_autocommit and not connection.closed:
                await connection.set_autocommit(False)
        except Exception:
            # A cancelled statement is still running. The pool closes such a connection.
            pass
        finally:
            await give_back()

    try:
        if not was_autocommit:
            await _before_asking(connection.set_autocommit(True))
        yield connection
    finally:
        await asyncio.shield(_kept(end()))


def _from_asyncpg(pool: Any) -> Take:
    @asynccontextmanager
    async def borrowed() -> AsyncIterator[Any]:
        connection = await _before_asking(pool.acquire())
        try:
            yield connection
        finally:
            await pool.release(connection)

    return borrowed


def _from_psycopg(pool: Any) -> Take:
    async def give_back(taking: asyncio.Task[Any]) -> None:
        await pool.putconn(await taking)

    @asynccontextmanager
    async def borrowed() -> AsyncIterator[Any]:
        # The pool loses a connection if the task that waits for it is cancelled at the wrong moment.
        taking = _kept(pool.getconn())
        try:
            connection = await _before_asking(asyncio.shield(taking))
        except asyncio.CancelledError:
            _kept(give_back(taking))
            raise
        async with _outside_transaction(connection, lambda: pool.putconn(connection)):
            yield connection

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
        held = lock()
        await held.acquire()

        async def give_back() -> None:
            held.release()

        if not connection.closed and not _is_idle(connection):
            held.release()
            raise in_transaction()
        async with _outside_transaction(connection, give_back):
            yield connection

    return borrowed


def _in_transaction(connection: Any, is_outside: Callable[[Any], bool]) -> Take:
    @asynccontextmanager
    async def borrowed() -> AsyncIterator[Any]:
        if is_outside(connection):
            raise no_transaction()
        yield connection

    return borrowed


def _is_idle(connection: Any) -> bool:
    """Returns whether a connection of psycopg is outside a transaction: 0 is IDLE in libpq."""
    return bool(connection.info.transaction_status == 0)


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
        return _Asyncpg(_in_transaction(connection, lambda it: not it.is_in_transaction()))
    if _is_psycopg(connection):
        return _Psycopg(_in_transaction(connection, lambda it: it.autocommit and not it.closed and _is_idle(it)))
    raise unknown("connection", "a connection of asyncpg or psycopg, not a pool")
