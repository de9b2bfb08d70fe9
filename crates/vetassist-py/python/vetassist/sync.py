"""The blocking client, over a pool or a connection of psycopg or psycopg2."""

from __future__ import annotations

import contextvars
import os
import threading
import time
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Callable, Hashable, Optional, TypeVar, Union

from . import KeyRing, VetassistError
from .client import check as of_check
from .client import events as of_events
from .client import refresh as of_refresh
from .client import rotation as of_rotation
from .client import sessions as of_sessions
from .client import sign_in as of_sign_in
from .client import tokens as of_tokens
from .client import users as of_users
from .client.context import Context
from .client.drivers_blocking import Connection, Database, Engine, Pool, database_of, transaction_of
from .client.effects import Ask, Begin, Call, Detached, Join, Pause, Several, Statement, Unanswered
from .client.failure import DriverFailure, bad_argument
from .client.models import AccessToken, OnEvent, RefreshContext, Refreshed, TokenResponse
from .client.operation import described
from .client.refresh import MIN_VALID_SECONDS, WAIT_SECONDS
from .client.statement import UserId

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    from .client.effects import Effect, Step

    P = ParamSpec("P")

T = TypeVar("T")

#: Exchanges a refresh token at the provider, and returns the response of the token endpoint. An exception whose `error` is
#: `invalid_grant` is final; after any other exception the refresh is tried again later.
Refresh = Callable[[str, RefreshContext], TokenResponse]


def _operation(step: Callable[Concatenate[Context, P], Step[T]]) -> Callable[Concatenate[Transaction, P], T]:
    """Returns a method that runs an operation."""

    def method(self: Transaction, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._run(step(self._context, *args, **kwargs))

    return described(method, step)


class Transaction:
    """The operations that exchange no token and take a few statements. They are also allowed in a transaction."""

    def __init__(self, database: Database, context: Context) -> None:
        self._database = database
        self._context = context
        self._shared: dict[Hashable, Future[Any]] = {}
        self._threads: set[threading.Thread] = set()

    sign_in = _operation(of_sign_in.sign_in)
    session = _operation(of_sessions.session)
    sessions = _operation(of_sessions.sessions)
    new_session = _operation(of_sessions.new_session)
    extend_session = _operation(of_sessions.extend_session)
    end_session = _operation(of_sessions.end_session)
    end_sessions = _operation(of_sessions.end_sessions)
    purge_sessions = _operation(of_sessions.purge_sessions)
    user = _operation(of_users.user)
    update_user = _operation(of_users.update_user)
    set_active = _operation(of_users.set_active)
    erase_user = _operation(of_users.erase_user)
    store_tokens = _operation(of_tokens.store_tokens)
    token_status = _operation(of_tokens.token_status)
    disconnect = _operation(of_tokens.disconnect)
    log_event = _operation(of_events.log_event)

    def _run(self, step: Step[T]) -> T:
        """Runs an operation."""
        value: Any = None
        error: Optional[Exception] = None
        while True:
            try:
                effect = step.send(value) if error is None else step.throw(error)
            except StopIteration as done:
                result: T = done.value
                return result
            value, error = None, None
            try:
                value = self._perform(effect)
            except Exception as raised:
                error = raised

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Statement):
            return self._query(effect)
        if isinstance(effect, Pause):
            return time.sleep(effect.seconds)
        if isinstance(effect, Call):
            return _not_awaitable(effect.function(*effect.args))
        if isinstance(effect, Ask):
            return self._ask(effect)
        if isinstance(effect, Detached):
            return self._detached(effect)
        if isinstance(effect, Begin):
            return self._begin(effect)
        if isinstance(effect, Join):
            return effect.begun.result()
        return self._several(effect)

    def _query(self, statement: Statement) -> Any:
        try:
            return self._database.query(statement.text, statement.params)
        except VetassistError:
            raise
        except Exception as error:
            return DriverFailure.of(error)

    def _ask(self, ask: Ask) -> Any:
        """Calls a function in a thread of its own, which also runs the operation after it.

        So waiting can end before the call ends, and an interrupt of the caller, such as Ctrl-C, loses no response.
        """
        answered: Future[None] = Future()
        finished: Future[Any] = Future()

        def work() -> None:
            try:
                read()
            finally:
                self._threads.discard(threading.current_thread())

        def read() -> None:
            try:
                answer = ask.read(_not_awaitable(ask.function(*ask.args)))
            except BaseException as error:
                answered.set_exception(error)
                return
            answered.set_result(None)
            try:
                finished.set_result(self._run(ask.then(answer)))
            except BaseException as error:
                finished.set_exception(error)

        thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), name="vetassist-refresh")
        self._threads.add(thread)
        thread.start()
        if not wait([answered], ask.timeout_seconds).done:
            return Unanswered()
        error = answered.exception()
        if isinstance(error, Exception):
            return Unanswered(error)
        answered.result()
        return finished.result()

    def _detached(self, detached: Detached) -> Any:
        if detached.key is None:
            return self._run(detached.make())
        # A fork copies the entries, but not the threads that would complete them.
        key = (os.getpid(), detached.key)
        ours: Future[Any] = Future()
        while (shared := self._shared.setdefault(key, ours)) is not ours:
            try:
                return shared.result()
            except CancelledError:
                # Another caller was interrupted.
                pass
        try:
            result = self._run(detached.make())
        except Exception as error:
            del self._shared[key]
            ours.set_exception(error)
            raise
        except BaseException:
            del self._shared[key]
            ours.cancel()
            raise
        del self._shared[key]
        ours.set_result(result)
        return result

    def _begin(self, begin: Begin) -> Future[Any]:
        begun: Future[Any] = Future()
        try:
            begun.set_result(self._run(begin.make()))
        except Exception as error:
            begun.set_exception(error)
        return begun

    def _several(self, several: Several) -> None:
        if several.concurrency == 1 or len(several.steps) < 2:
            for make in several.steps:
                self._run(make())
            return
        with ThreadPoolExecutor(min(several.concurrency, len(several.steps)), "vetassist-refresh") as threads:
            running = [threads.submit(contextvars.copy_context().run, self._run, make()) for make in several.steps]
            try:
                for done in running:
                    done.result()
            except BaseException:
                # When the caller is interrupted, no further exchange begins. The claimed leases expire.
                threads.shutdown(wait=False, cancel_futures=True)
                raise


def _not_awaitable(answer: T) -> T:
    if hasattr(answer, "__await__"):
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        raise bad_argument("an async function can only be used with vetassist.aio.Client")
    return answer


class Client(Transaction):
    """A client of a database with vetassist: signs in, refreshes tokens, ends sessions, erases, logs events, rotates keys.

    It does nothing until it is called, and holds a connection only during a statement. Threads may share a client.

    Args:
        db: A pool or a connection of psycopg or psycopg2, or an engine of SQLAlchemy over one of them. Statements run outside
            a transaction.
        ring: Makes the client seal. Without a ring the server seals; the rest of the service's code is the same. psycopg2
            writes parameters into the statement, so a client over it needs a ring.
        refresh: Exchanges refresh tokens at the provider.
        schema: The schema of vetassist's objects. The client does not rely on a search_path.
        ip_hash: How a client with a ring hashes addresses: `keyed` or `sha256`.
        on_bad_address: `drop` leaves a malformed address out and reports it, `raise` raises an error.
        refresh_timeout_seconds: Limits the time of one exchange. The lease lasts three times as long.
        default_lifetime_seconds: Applies if a token endpoint returns no `expires_in`.
        on_event: Receives events. They never contain a token, an address, an ICN or a parameter.
    """

    def __init__(
        self,
        db: Union[Pool, Connection, Engine, Database],
        *,
        ring: Optional[KeyRing] = None,
        refresh: Optional[Refresh] = None,
        schema: str = "public",
        ip_hash: str = "keyed",
        on_bad_address: str = "drop",
        refresh_timeout_seconds: float = 10.0,
        default_lifetime_seconds: Optional[float] = None,
        on_event: Optional[OnEvent] = None,
    ) -> None:
        context = Context(
            ring=ring,
            refresh=refresh,
            schema=schema,
            ip_hash=ip_hash,
            on_bad_address=on_bad_address,
            refresh_timeout_seconds=refresh_timeout_seconds,
            default_lifetime_seconds=default_lifetime_seconds,
            on_event=on_event,
        )
        super().__init__(_sealable(database_of(db), ring), context)

    check = _operation(of_check.check)
    rotate_tokens = _operation(of_rotation.rotate_tokens)
    rotation_status = _operation(of_rotation.rotation_status)

    def access_token(
        self,
        user_id: UserId,
        refresh: Optional[Refresh] = None,
        *,
        min_valid_seconds: float = MIN_VALID_SECONDS,
        wait_seconds: float = WAIT_SECONDS,
    ) -> AccessToken:
        """Returns an access token that is valid for so long, and refreshes it if needed.

        Returns the old token while another caller refreshes. Waiting for another caller ends after `wait_seconds`.
        """
        return self._run(
            of_refresh.access_token(
                self._context, user_id, refresh, min_valid_seconds=min_valid_seconds, wait_seconds=wait_seconds
            )
        )

    def with_token(
        self,
        user_id: UserId,
        request: Callable[[str], T],
        refresh: Optional[Refresh] = None,
        *,
        wait_seconds: float = WAIT_SECONDS,
    ) -> T:
        """Makes a request. After a response 401 it refreshes the token once and repeats the request.

        The status is the `status_code` or `status` of the response, or of the error that `raise_for_status()` raises.
        """
        response: T = self._run(
            of_refresh.with_token(self._context, user_id, request, refresh, wait_seconds=wait_seconds)
        )
        return response

    def refresh_expiring(
        self,
        refresh: Optional[Refresh] = None,
        *,
        within_seconds: float = 300.0,
        max_rows: int = 10,
        concurrency: int = 4,
    ) -> Refreshed:
        """Refreshes tokens that expire soon. Call it again while `more` is true."""
        return self._run(
            of_refresh.refresh_expiring(
                self._context, refresh, within_seconds=within_seconds, max_rows=max_rows, concurrency=concurrency
            )
        )

    def within(self, connection: Union[Connection, Database]) -> Transaction:
        """Returns the operations for a transaction of the caller, without exchanges: a rollback would lose the response."""
        return Transaction(_sealable(transaction_of(connection), self._context.ring), self._context.in_transaction())

    def settle(self) -> None:
        """Waits until no exchange of this client is running. Call it before you close the pool."""
        for thread in list(self._threads):
            thread.join()


def _sealable(database: Database, ring: Optional[KeyRing]) -> Database:
    if ring is None and getattr(database, "writes_parameters", False):
        raise bad_argument(
            "psycopg2 writes parameters into the statement, so tokens would be in the server's log: "
            "give the client a ring, or use psycopg"
        )
    return database
