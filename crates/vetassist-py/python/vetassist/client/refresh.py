"""Valid access tokens: the stored token, or a new one. One caller refreshes; the others wait or use the old token."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Optional, Union
from uuid import UUID

from .. import VetassistError
from .effects import Call, Detached, Pause, Several
from .exchange import Lease, exchange, fail, lease_seconds
from .failure import SignInAgainError, bad_argument, failure
from .models import AccessToken, FailedRefresh, Refreshed
from .statement import (
    LONGEST_SECONDS,
    Argument,
    Parameters,
    UserId,
    call,
    id_of,
    integer,
    is_int,
    is_number,
    maybe_time_of,
    quoted,
    run,
    seconds,
    select,
    time_of,
    uuid,
)

if TYPE_CHECKING:
    from .context import Context
    from .effects import Step

MIN_VALID_SECONDS = 60.0
WAIT_SECONDS = 10.0
# The shortest time between two requests to the database.
_SHORTEST_PAUSE_SECONDS = 0.02

# In seconds; or the expiry of a token that was rejected, as the database wrote it.
Minimum = Union[float, str]


@dataclass(frozen=True)
class _Found:
    """The next step with a user's token. state is a state of the database, or `again`."""

    state: str
    token: Optional[str] = field(default=None, repr=False)
    expires_at: Optional[datetime] = None
    expires_text: str = ""
    wait_seconds: Optional[float] = None
    lease_id: str = ""
    refresh_token: Optional[str] = field(default=None, repr=False)
    error: Optional[Exception] = None


def _refresh_of(context: Context, refresh: Optional[Callable[..., Any]]) -> Callable[..., Any]:
    found = context.refresh if refresh is None else refresh
    if not callable(found):
        raise bad_argument("pass a refresh function to the client or to this call")
    return found


def _use(context: Context, operation: str, user_id: UUID, minimum: Minimum) -> Step[_Found]:
    """Asks the database once for the state of the token."""
    params = Parameters()
    whose = params.add(uuid(user_id))
    if isinstance(minimum, str):
        end = params.add(Argument("{}::text::timestamptz", minimum))
        least = f"greatest({end} - clock_timestamp(), interval '0')"
    else:
        least = params.add(seconds(minimum))
    name = f"{quoted(context.schema)}.{quoted(f'vetassist_use_token{context.end.twin}')}"
    source = f"{name}({whose}, {least}, {params.add(seconds(lease_seconds(context)))}) AS r"
    rows = yield from run(context, operation, select("pg_catalog.to_jsonb(r)", source), params.values)
    found = rows[0].result
    retry_at = maybe_time_of(found["retry_at"])
    return _Found(
        found["state"],
        context.end.open(found["access_token"], user_id),
        maybe_time_of(found["expires_at"]),
        found["expires_at"] or "",
        # Both times are by the database's clock.
        None if retry_at is None else (retry_at - time_of(rows[0].asked_at)).total_seconds(),
        found["lease_id"] or "",
        context.end.open(found["refresh_token"], user_id),
    )


def _step(
    context: Context, operation: str, user_id: UUID, minimum: Minimum, refresh: Callable[..., Any]
) -> Step[_Found]:
    """Takes one step, and returns a token, or the state without one."""
    found = yield from _use(context, operation, user_id, minimum)
    if found.state == "ready" and found.token is None:
        # A token that no key of the ring opens is treated as expired.
        found = yield from _use(context, operation, user_id, LONGEST_SECONDS)
        if found.state == "ready":
            found = replace(found, state="reconnect")
    if found.state != "refresh":
        return found
    if found.refresh_token is None:
        _, wait = yield from fail(context, operation, found.lease_id, "unopenable", is_final=False)
        return replace(found, state="wait", wait_seconds=LONGEST_SECONDS if wait is None else wait)
    lease = Lease(user_id, found.lease_id, found.refresh_token)
    try:
        got = yield from exchange(context, operation, lease, refresh)
    except VetassistError as error:
        # The old token is used while it is valid.
        if not error.retryable or found.token is None:
            raise
        return replace(found, state="wait", error=error)
    if got is None:
        return _Found("again")
    return _Found("ready", got.token, got.expires_at, got.expires_text)


def _shared(
    context: Context, operation: str, user_id: UUID, minimum: Minimum, refresh: Callable[..., Any]
) -> Step[_Found]:
    """Lets calls of this client that need the same step share it."""
    make = partial(_step, context, operation, user_id, minimum, refresh)
    if refresh is not context.refresh:
        return (yield from make())
    found: _Found = yield Detached((user_id, minimum), make)
    return found


def _obtain(
    context: Context,
    operation: str,
    user_id: UUID,
    minimum: Minimum,
    *,
    refresh: Optional[Callable[..., Any]],
    wait_seconds: float,
    rejected: Optional[str] = None,
) -> Step[Optional[_Found]]:
    """Returns a token other than the rejected one; None if it cannot be refreshed."""
    exchanges = _refresh_of(context, refresh)
    if not is_number(wait_seconds) or wait_seconds < 0:
        raise bad_argument("wait_seconds must be a number, 0 or above")
    deadline = time.monotonic() + min(wait_seconds, LONGEST_SECONDS)
    while True:
        found = yield from _shared(context, operation, user_id, minimum, exchanges)
        if found.state in ("ready", "wait") and found.token is not None and found.token != rejected:
            return found
        if found.state == "again":
            continue
        if found.state == "ready":
            return None
        if found.state == "none":
            raise failure("ERR_NO_TOKENS", "the user has no tokens", user_id=user_id)
        if found.state == "reconnect":
            message = "the refresh token is missing or was refused: the veteran must sign in again"
            raise failure("ERR_SIGN_IN_AGAIN", message, user_id=user_id)
        if found.error is not None:
            raise found.error
        wait = max(found.wait_seconds or 0, _SHORTEST_PAUSE_SECONDS)
        if time.monotonic() + wait > deadline:
            raise failure(
                "ERR_REFRESH_TIMEOUT",
                "another caller refreshes the token, or the last try failed: ask again",
                retryable=True,
                user_id=user_id,
                retry_at=datetime.now(timezone.utc) + timedelta(seconds=wait),
            )
        yield Pause(wait)


def access_token(
    context: Context,
    user_id: UserId,
    refresh: Optional[Callable[..., Any]],
    *,
    min_valid_seconds: float,
    wait_seconds: float,
) -> Step[AccessToken]:
    minimum = seconds(min_valid_seconds, "min_valid_seconds")
    if minimum.value is None or not 0 <= min_valid_seconds <= LONGEST_SECONDS:
        raise bad_argument("min_valid_seconds must be a number, 0 or above")
    found = yield from _obtain(
        context, "access_token", id_of(user_id), min_valid_seconds, refresh=refresh, wait_seconds=wait_seconds
    )
    if found is None or found.token is None or found.expires_at is None:
        raise failure("ERR_NO_TOKENS", "the user has no tokens", user_id=id_of(user_id))
    return AccessToken(found.token, found.expires_at)


def _status_of(response: object) -> object:
    """Returns the status of a response: httpx and requests have status_code, aiohttp has status."""
    status = getattr(response, "status_code", None)
    return getattr(response, "status", None) if status is None else status


def _is_refused(error: Exception) -> bool:
    """Returns whether raise_for_status() raised an error for a response with status 401."""
    return 401 in (_status_of(error), _status_of(getattr(error, "response", None)))


def with_token(
    context: Context,
    user_id: UserId,
    request: Callable[[str], Any],
    refresh: Optional[Callable[..., Any]],
    *,
    wait_seconds: float,
) -> Step[Any]:
    if not callable(request):
        raise bad_argument("the second argument must be a function that makes the request")
    whose = id_of(user_id)
    obtain = partial(_obtain, context, "with_token", whose, refresh=refresh, wait_seconds=wait_seconds)
    first = yield from obtain(MIN_VALID_SECONDS)
    if first is None:
        raise failure("ERR_NO_TOKENS", "the user has no tokens", user_id=whose)
    refused: Optional[Exception] = None
    response = None
    try:
        response = yield Call(request, (first.token,))
        if _status_of(response) != 401:
            return response
    except Exception as error:
        if not _is_refused(error):
            raise
        refused = error
    # The expiry identifies the rejected token: if another caller has refreshed it, the stored token expires later.
    second = yield from obtain(first.expires_text, rejected=first.token)
    if second is not None:
        return (yield Call(request, (second.token,)))
    if refused is not None:
        raise refused
    return response


def refresh_expiring(
    context: Context,
    refresh: Optional[Callable[..., Any]],
    *,
    within_seconds: float,
    max_rows: int,
    concurrency: int,
) -> Step[Refreshed]:
    operation = "refresh_expiring"
    exchanges = _refresh_of(context, refresh)
    if not is_int(concurrency) or concurrency < 1:
        raise bad_argument("concurrency must be an int above 0")
    if not is_int(max_rows) or not is_number(within_seconds):
        raise bad_argument("max_rows must be an int, and within_seconds a number")
    arguments = {
        "within": seconds(within_seconds, "within_seconds"),
        "max_rows": integer(max_rows, "max_rows"),
        "lease": seconds(lease_seconds(context)),
    }
    # An exchange that begins later could outlast its lease. Then another caller would present the same token.
    latest = time.monotonic() + lease_seconds(context) - context.refresh_timeout_seconds
    rows = yield from call(context, operation, f"vetassist_claim_refreshes{context.end.twin}", arguments)
    left: list[UUID] = []
    stored: list[UUID] = []
    rejected: list[UUID] = []
    failed: list[FailedRefresh] = []

    def one(row: dict[str, Any]) -> Step[None]:
        user_id = UUID(row["user_id"])
        if time.monotonic() > latest:
            # The token is free again when its lease expires.
            left.append(user_id)
            return
        try:
            token = context.end.open(row["refresh_token"], user_id)
            if token is None:
                yield from fail(context, operation, row["lease_id"], "unopenable", is_final=False)
                message = "no key of the ring opens the refresh token"
                raise failure("ERR_OPEN_FAILED", message, user_id=user_id)
            got = yield from exchange(context, operation, Lease(user_id, row["lease_id"], token), exchanges)
        except SignInAgainError:
            rejected.append(user_id)
        except Exception as error:
            failed.append(FailedRefresh(user_id, error))
        else:
            if got is not None:
                stored.append(user_id)

    yield Several([partial(one, row.result) for row in rows], concurrency)
    return Refreshed(len(stored), tuple(rejected), tuple(failed), len(rows) >= max_rows or bool(left))
