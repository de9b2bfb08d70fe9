"""The asynchronous client, over a pool or a connection of asyncpg or psycopg."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Coroutine, Hashable, Optional, TypeVar, Union

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
from .client.drivers_async import (
    AsyncpgConnection,
    AsyncpgPool,
    Database,
    PsycopgConnection,
    PsycopgPool,
    database_of,
    transaction_of,
)
from .client.effects import Ask, Begin, Call, Detached, Join, Pause, Several, Statement, Unanswered
from .client.failure import DriverFailure, TokenEndpointError
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
Refresh = Callable[[str, RefreshContext], Awaitable[TokenResponse]]


def _operation(
    step: Callable[Concatenate[Context, P], Step[T]],
) -> Callable[Concatenate[Transaction, P], Coroutine[Any, Any, T]]:
    """Returns a method that runs an operation."""

    async def method(self: Transaction, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._run(step(self._context, *args, **kwargs))

    return described(method, step)


class Transaction:
    """The operations that exchange no token and take a few statements. They are also allowed in a transaction."""

    def __init__(self, database: Database, context: Context) -> None:
        self._database = database
        self._context = context
        # Tasks that continue when a caller stops waiting. The event loop has only weak references to tasks.
        self._underway: set[asyncio.Task[Any]] = set()
        self._shared: dict[Hashable, asyncio.Task[Any]] = {}

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

    async def _run(self, step: Step[T]) -> T:
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
                value = await self._perform(effect)
            except Exception as raised:
                error = raised

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Statement):
            return await self._query(effect)
        if isinstance(effect, Pause):
            return await asyncio.sleep(effect.seconds)
        if isinstance(effect, Call):
            return await effect.function(*effect.args)
        if isinstance(effect, Ask):
            return await self._ask(effect)
        if isinstance(effect, Detached):
            return await self._detached(effect)
        if isinstance(effect, Begin):
            return self._begin(self._run(effect.make()))
        if isinstance(effect, Join):
            return await asyncio.shield(effect.begun)
        return await self._several(effect)

    async def _query(self, statement: Statement) -> Any:
        try:
            return await self._database.query(statement.text, statement.params)
        except VetassistError:
            raise
        except Exception as error:
            return DriverFailure.of(error)

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Starts a task that continues when a caller stops waiting."""
        task = asyncio.ensure_future(work)
        self._underway.add(task)

        def end(task: asyncio.Task[T]) -> None:
            self._underway.discard(task)
            # If no caller waits any more, the error is read here, so that the loop does not report it.
            if not task.cancelled():
                task.exception()

        task.add_done_callback(end)
        return task

    async def _ask(self, ask: Ask) -> Any:
        async def asked() -> Any:
            return ask.read(await ask.function(*ask.args))

        task = self._begin(asked())
        done, _ = await asyncio.wait({task}, timeout=ask.timeout_seconds)
        if not done:
            self._begin(self._late(task, ask))
            return Unanswered()
        if task.cancelled():
            # The function cancelled itself. The caller was not cancelled, so it gets an error.
            return Unanswered(TokenEndpointError("cancelled"))
        error = task.exception()
        if isinstance(error, Exception):
            return Unanswered(error)
        return await self._run(ask.then(task.result()))

    async def _late(self, task: asyncio.Task[Any], ask: Ask) -> None:
        done, _ = await asyncio.wait({task}, timeout=ask.patience_seconds)
        if not done:
            task.cancel()
        elif not task.cancelled() and task.exception() is None:
            await self._run(ask.then(task.result()))

    async def _detached(self, detached: Detached) -> Any:
        # A client may be used in one loop after another.
        key = None if detached.key is None else (asyncio.get_running_loop(), detached.key)
        task = None if key is None else self._shared.get(key)
        if task is None:
            task = self._begin(self._run(detached.make()))
            if key is not None:
                self._shared[key] = task
                task.add_done_callback(lambda _: self._shared.pop(key, None))
        return await asyncio.shield(task)

    async def _several(self, several: Several) -> None:
        left = list(reversed(several.steps))

        async def worker() -> None:
            while left:
                await self._run(left.pop()())

        workers = [asyncio.ensure_future(worker()) for _ in range(min(several.concurrency, len(left)))]
        try:
            await asyncio.gather(*workers)
        finally:
            # When the caller stops, claimed leases whose exchange has not begun expire, and others can claim them again.
            for each in workers:
                each.cancel()


class Client(Transaction):
    """A client of a database with vetassist: signs in, refreshes tokens, ends sessions, erases, logs events, rotates keys.

    It does nothing until it is called, and holds a connection only during a statement. Cancelling a call ends its
    waiting, and never a running exchange.

    Args:
        db: A pool or a connection of asyncpg, or an asynchronous one of psycopg. Statements run outside a transaction.
        ring: Makes the client seal. Without a ring the server seals; the rest of the service's code is the same.
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
        db: Union[AsyncpgPool, AsyncpgConnection, PsycopgPool, PsycopgConnection, Database],
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
        super().__init__(database_of(db), context)

    check = _operation(of_check.check)
    rotate_tokens = _operation(of_rotation.rotate_tokens)
    rotation_status = _operation(of_rotation.rotation_status)

    async def access_token(
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
        return await self._run(
            of_refresh.access_token(
                self._context, user_id, refresh, min_valid_seconds=min_valid_seconds, wait_seconds=wait_seconds
            )
        )

    async def with_token(
        self,
        user_id: UserId,
        request: Callable[[str], Awaitable[T]],
        refresh: Optional[Refresh] = None,
        *,
        wait_seconds: float = WAIT_SECONDS,
    ) -> T:
        """Makes a request. After a response 401 it refreshes the token once and repeats the request.

        The status is the `status_code` or `status` of the response, or of the error that `raise_for_status()` raises.
        """
        response: T = await self._run(
            of_refresh.with_token(self._context, user_id, request, refresh, wait_seconds=wait_seconds)
        )
        return response

    async def refresh_expiring(
        self,
        refresh: Optional[Refresh] = None,
        *,
        within_seconds: float = 300.0,
        max_rows: int = 10,
        concurrency: int = 4,
    ) -> Refreshed:
        """Refreshes tokens that expire soon. Call it again while `more` is true."""
        return await self._run(
            of_refresh.refresh_expiring(
                self._context, refresh, within_seconds=within_seconds, max_rows=max_rows, concurrency=concurrency
            )
        )

    def within(self, connection: Union[AsyncpgConnection, PsycopgConnection, Database]) -> Transaction:
        """Returns the operations for a transaction of the caller, without exchanges: a rollback would lose the response."""
        return Transaction(transaction_of(connection), self._context.in_transaction())

    async def settle(self) -> None:
        """Waits until no exchange of this client is running. Call it before you close the pool."""
        while True:
            loop = asyncio.get_running_loop()
            left = [task for task in self._underway if task.get_loop() is loop]
            if not left:
                return
            await asyncio.wait(left)
