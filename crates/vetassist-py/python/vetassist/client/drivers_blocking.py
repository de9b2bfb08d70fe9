"""Blocking drivers: a pool or a connection of psycopg or psycopg2, or an engine of SQLAlchemy over one of them."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Callable, ContextManager, Iterator, Protocol

from .drivers import Params, Row, for_psycopg, in_transaction, no_transaction, rows_of, unknown
from .failure import NotAsked

_TAKES = "a pool or a connection of psycopg or psycopg2, or an engine of SQLAlchemy"


class Database(Protocol):
    """Runs statements. Parameters are `$1` and so on, each text or None."""

    def query(self, text: str, params: Params) -> list[Row]:
        """Returns the rows, each with its two columns."""
        ...


class Pool(Protocol):
    """Describes the part of the pools of psycopg and psycopg2 that is used."""

    @property
    def getconn(self) -> Any: ...

    @property
    def putconn(self) -> Any: ...


class Engine(Protocol):
    """Describes the part of SQLAlchemy's engine that is used."""

    @property
    def raw_connection(self) -> Any: ...

    @property
    def dialect(self) -> Any: ...


class Connection(Protocol):
    """Describes the part of the connections of psycopg and psycopg2 that is used."""

    @property
    def cursor(self) -> Any: ...

    @property
    def autocommit(self) -> Any: ...

    @property
    def __enter__(self) -> Any: ...


class _Psycopg:
    """psycopg, with a connection for each statement, outside a transaction."""

    #: psycopg sends parameters beside the statement, so the server may seal.
    writes_parameters = False

    def __init__(self, connection: Callable[[], ContextManager[Any]]) -> None:
        self._connection = connection

    def query(self, text: str, params: Params) -> list[Row]:
        with self._connection() as connection:
            return _execute(connection, text, params)


def _execute(connection: Any, text: str, params: Params) -> list[Row]:
    # The cursor is created here, because the connection's own may be ClientCursors, which write parameters into the
    # statement.
    with import_module("psycopg").Cursor(connection, row_factory=lambda _: tuple) as cursor:
        cursor.execute(*for_psycopg(text, params))
        return rows_of(cursor.fetchall()) if cursor.description is not None else []


class _Psycopg2:
    """psycopg2, with a connection for each statement, outside a transaction."""

    #: psycopg2 writes parameters into the statement, where the server's log and pg_stat_activity show them.
    writes_parameters = True

    def __init__(self, connection: Callable[[], ContextManager[Any]]) -> None:
        self._connection = connection

    def query(self, text: str, params: Params) -> list[Row]:
        with self._connection() as connection:
            return _execute2(connection, text, params)


def _execute2(connection: Any, text: str, params: Params) -> list[Row]:
    with connection.cursor(cursor_factory=import_module("psycopg2.extensions").cursor) as cursor:
        cursor.execute(*for_psycopg(text, params))
        return rows_of(cursor.fetchall()) if cursor.description is not None else []


class _Within:
    """A connection in a transaction of the caller."""

    def __init__(
        self, connection: Any, execute: Callable[[Any, str, Params], list[Row]], *, writes_parameters: bool
    ) -> None:
        self._connection = connection
        self._execute = execute
        self.writes_parameters = writes_parameters

    def query(self, text: str, params: Params) -> list[Row]:
        if self._connection.autocommit and not self._connection.closed and _is_idle(self._connection):
            raise no_transaction()
        return self._execute(self._connection, text, params)


@contextmanager
def _outside_transaction(connection: Any) -> Iterator[Any]:
    """Lets a connection run statements outside a transaction: each takes one round trip, and a procedure may commit."""
    if connection.autocommit:
        yield connection
        return
    _before_asking(lambda: setattr(connection, "autocommit", True))
    try:
        yield connection
    finally:
        if not connection.closed:
            connection.autocommit = False


def _before_asking(prepare: Callable[[], Any]) -> Any:
    """Takes or prepares a connection. If that fails, no statement was sent."""
    failed: Exception
    try:
        return prepare()
    except Exception as error:
        failed = error
    raise NotAsked(failed)


def _from_pool(pool: Any) -> Callable[[], ContextManager[Any]]:
    @contextmanager
    def borrowed() -> Iterator[Any]:
        connection = _before_asking(pool.getconn)
        try:
            with _outside_transaction(connection):
                yield connection
        finally:
            pool.putconn(connection)

    return borrowed


def _from_engine(engine: Any) -> Callable[[], ContextManager[Any]]:
    @contextmanager
    def borrowed() -> Iterator[Any]:
        pooled = _before_asking(engine.raw_connection)
        driven = pooled.driver_connection
        try:
            with _outside_transaction(driven) as connection:
                yield connection
        finally:
            # The engine would report that it cannot roll back a broken connection.
            (pooled.invalidate if driven.closed else pooled.close)()

    return borrowed


def _of_one(connection: Any, is_idle: Callable[[Any], bool]) -> Callable[[], ContextManager[Any]]:
    lock = threading.Lock()

    @contextmanager
    def borrowed() -> Iterator[Any]:
        with lock:
            if not is_idle(connection):
                raise in_transaction()
            with _outside_transaction(connection):
                yield connection

    return borrowed


def _is_psycopg(connection: Any) -> bool:
    return hasattr(connection, "pgconn") and hasattr(connection, "execute")


def _is_psycopg2(connection: Any) -> bool:
    return hasattr(connection, "get_dsn_parameters") and hasattr(connection, "cursor")


def _is_idle(connection: Any) -> bool:
    """Returns whether a connection is outside a transaction: 0 is IDLE in libpq."""
    return bool(connection.closed or connection.info.transaction_status == 0)


def database_of(db: Any) -> Database:
    """Returns the driver for a database, outside a transaction."""
    if hasattr(db, "fetchrow") or hasattr(db, "__aenter__"):
        raise unknown("db has an asynchronous driver, which needs vetassist.aio.Client; here it", _TAKES)
    if callable(getattr(db, "query", None)):
        found: Database = db
        return found
    if hasattr(db, "raw_connection") and hasattr(db, "dialect"):
        driver = db.dialect.driver
        if driver not in ("psycopg", "psycopg2"):
            raise unknown("an SQLAlchemy engine", "one over psycopg or psycopg2")
        return (_Psycopg if driver == "psycopg" else _Psycopg2)(_from_engine(db))
    if hasattr(db, "getconn") and hasattr(db, "putconn"):
        is_new = hasattr(db, "connection")
        return _Psycopg(_from_pool(db)) if is_new else _Psycopg2(_from_pool(db))
    if _is_psycopg(db):
        return _Psycopg(_of_one(db, _is_idle))
    if _is_psycopg2(db):
        return _Psycopg2(_of_one(db, _is_idle))
    raise unknown("db", _TAKES)


def transaction_of(connection: Any) -> Database:
    """Returns the driver for a transaction of the caller."""
    if callable(getattr(connection, "query", None)):
        found: Database = connection
        return found
    if _is_psycopg(connection) and not hasattr(connection, "__aenter__"):
        return _Within(connection, _execute, writes_parameters=False)
    if _is_psycopg2(connection):
        return _Within(connection, _execute2, writes_parameters=True)
    raise unknown("connection", "a connection of psycopg or psycopg2, not a pool")
