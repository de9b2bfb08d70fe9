"""The four supported drivers, each as an asynchronous client, so that one test covers them all.

The tests write refresh functions and requests as blocking functions. With an asynchronous client they run in a thread.
"""

from __future__ import annotations

import asyncio
import inspect
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator, Callable, Optional

import asyncpg
import psycopg
import psycopg2.extras
import psycopg2.pool
import psycopg_pool
import vetassist
import vetassist.aio
from databases import SERVICE, SOCKET

ASYNC = ("asyncpg", "psycopg-async")
BLOCKING = ("psycopg", "psycopg2")
_OF_SERVICE = ("refresh", "request")


def _awaited(function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any) -> Any:
        return await asyncio.to_thread(function, *args)

    return call


class Threaded:
    """A blocking client whose calls each run in a thread."""

    def __init__(self, client: Any) -> None:
        self.blocking = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.blocking, name)
        if name == "within":
            return lambda connection: Threaded(method(connection))
        return _awaited_keywords(method)


def _awaited_keywords(method: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(method, *args, **kwargs)

    return call


class Awaited:
    """An asynchronous client that takes blocking refresh functions and requests."""

    def __init__(self, client: Any) -> None:
        self.awaited = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.awaited, name)
        if name == "within":
            return lambda connection: Awaited(method(connection))

        async def call(*args: Any, **kwargs: Any) -> Any:
            given = inspect.signature(method).bind(*args, **kwargs)
            for of_service in _OF_SERVICE:
                if given.arguments.get(of_service) is not None:
                    given.arguments[of_service] = _awaited(given.arguments[of_service])
            return await method(*given.args, **given.kwargs)

        return call


class Kind:
    """Makes clients of one driver and one pool."""

    def __init__(self, name: str, pool: Any) -> None:
        self.name = name
        self.pool = pool

    def client(self, *, db: Any = None, **options: Any) -> Any:
        """Makes a client of the pool, or of `db`."""
        if self.name in BLOCKING:
            return Threaded(vetassist.Client(self.pool if db is None else db, **options))
        # A client recognizes its own refresh function by identity, so it is wrapped only once.
        if options.get("refresh") is not None:
            options["refresh"] = _awaited(options["refresh"])
        return Awaited(vetassist.aio.Client(self.pool if db is None else db, **options))

    def database(self) -> Any:
        """Returns the object that executes a client's statements, so that a test can put another in front of it."""
        client = self.client(ring=vetassist.KeyRing([vetassist.generate_key()]))
        return (client.blocking if self.name in BLOCKING else client.awaited)._database


@asynccontextmanager
async def opened(
    name: str, database: str, *, most: int = 10, settings: Optional[dict[str, str]] = None, wait_seconds: float = 30
) -> AsyncIterator[Kind]:
    """Opens a driver's pool whose connections have these settings, and which waits this long for a connection."""
    escaped = {setting: value.replace(" ", "\\ ") for setting, value in (settings or {}).items()}
    about = {
        "host": SOCKET,
        "user": SERVICE,
        "dbname": database,
        "options": " ".join(f"-c {setting}={value}" for setting, value in escaped.items()),
    }
    if name == "asyncpg":
        pool = await asyncpg.create_pool(
            host=SOCKET, user=SERVICE, database=database, min_size=0, max_size=most, server_settings=settings or {}
        )
        async with pool:
            yield Kind(name, pool)
    elif name == "psycopg-async":
        async with psycopg_pool.AsyncConnectionPool(
            kwargs=about, min_size=1, max_size=most, open=False, timeout=wait_seconds
        ) as own:
            yield Kind(name, own)
    elif name == "psycopg":
        with psycopg_pool.ConnectionPool(
            kwargs=about, min_size=1, max_size=most, open=True, timeout=wait_seconds
        ) as blocking:
            yield Kind(name, blocking)
    else:
        # Rows are dicts, which many services use.
        old = psycopg2.pool.ThreadedConnectionPool(1, most, cursor_factory=psycopg2.extras.RealDictCursor, **about)
        try:
            yield Kind(name, old)
        finally:
            old.closeall()


def connection_error() -> Exception:
    """Returns the error that psycopg raises for a broken connection."""
    return psycopg.OperationalError("server closed the connection unexpectedly")
