"""Exchanges a leased refresh token: asks the provider once, and stores the response.

The provider treats a refresh token that is presented twice as stolen, so an exchange is never repeated. Only the storing is
repeated, each time on another connection.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Callable, Optional, Union
from uuid import UUID

from .effects import Ask, Detached, Pause, Unanswered
from .failure import ClientError, failure
from .models import RefreshContext, RefreshEvent
from .statement import Parameters, boolean, call, from_now, maybe_time_of, quoted, run, select, text, time_of, uuid
from .tokens_given import Given, read_refreshed_tokens

if TYPE_CHECKING:
    from .context import Context
    from .effects import Step

# The pauses between attempts to store a response grow with the time spent. After a restart of the server each connection of a
# pool is broken, and each attempt removes only one of them.
_SHORTEST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0
# The lifetime that is stored if none is known, so that the new refresh token is not lost.
_UNKNOWN_LIFETIME = 0.0
_LEASE_TIMEOUTS = 3
# The time for which a late response is awaited, if waiting can end at all. It is stored even if the lease has expired.
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Lease:
    """A refresh token that this client may exchange."""

    user_id: UUID
    lease_id: str
    refresh_token: str = field(repr=False)


@dataclass(frozen=True)
class Exchanged:
    """The stored token, as callers get it. expires_text is the exact time of the database."""

    token: str = field(repr=False)
    expires_at: datetime
    expires_text: str


def lease_seconds(context: Context) -> float:
    return _LEASE_TIMEOUTS * context.refresh_timeout_seconds


def _store(context: Context, operation: str, lease: Lease, answer: Given) -> Step[dict[str, Any]]:
    params = Parameters()
    lifetime = _UNKNOWN_LIFETIME if answer.lifetime_seconds is None else answer.lifetime_seconds
    # The tokens are sealed once, so that a second call to finish has the same arguments as the first, whose response may have
    # been lost.
    arguments = {
        "lease_id": uuid(lease.lease_id),
        "access_token": context.end.token(answer.access, lease.user_id),
        "expires_at": from_now(lifetime),
        "refresh_token": context.end.token(answer.refresh, lease.user_id),
        "token_type": text(answer.kind),
        "scope": text(answer.scope),
    }
    name = f"{quoted(context.schema)}.{quoted(f'vetassist_finish_refresh{context.end.twin}')}"
    source = f"{name}({params.named(arguments)}) AS r"
    statement = select(f"pg_catalog.jsonb_build_object('outcome', r, 'ends', {params.add(from_now(lifetime))})", source)
    started = time.monotonic()
    while True:
        spent = time.monotonic() - started
        try:
            rows = yield from run(context, operation, statement, params.values)
        except ClientError as error:
            may_pass = error.retryable or (error.code == "ERR_DATABASE" and (error.sqlstate or "08").startswith("08"))
            if not may_pass or spent > lease_seconds(context):
                raise
        else:
            found: dict[str, Any] = rows[0].result
            return found
        yield Pause(min(max(_SHORTEST_PAUSE_SECONDS, spent / 10), _LONGEST_PAUSE_SECONDS))


def fail(
    context: Context, operation: str, lease_id: str, code: str, *, is_final: bool
) -> Step[tuple[Optional[datetime], Optional[float]]]:
    """Records that an exchange failed. Returns the time of the next try, as a time and in seconds from now."""
    arguments = {"lease_id": uuid(lease_id), "error": text(code), "is_final": boolean(is_final)}
    try:
        rows = yield from call(context, operation, "vetassist_fail_refresh", arguments)
    except ClientError:
        # The lease expires by itself, and the provider's error is more useful to the caller.
        return None, None
    retry_at = maybe_time_of(rows[0].result["retry_at"]) if rows else None
    if retry_at is None:
        return None, None
    return retry_at, (retry_at - time_of(rows[0].asked_at)).total_seconds()


def _finish(context: Context, operation: str, lease: Lease, answer: Given, started: float) -> Step[Optional[Exchanged]]:
    """Stores a response, and returns the new token; None if other tokens were stored meanwhile."""

    def report(outcome: str) -> None:
        context.emit(RefreshEvent(lease.user_id, outcome, time.monotonic() - started))

    try:
        stored = yield from _store(context, operation, lease, answer)
    except Exception:
        report("uncertain")
        raise
    if stored["outcome"] != "stored":
        report("discarded")
        return None
    report("stored")
    yield from context.end.keys.note(context, operation)
    if answer.lifetime_seconds is None:
        raise failure(
            "ERR_NO_LIFETIME",
            "the refreshed tokens have no valid expires_in, and there is no default_lifetime_seconds: they were stored as expired, "
            "so that the refresh token is not lost",
            user_id=lease.user_id,
        )
    return Exchanged(answer.access, time_of(stored["ends"]), stored["ends"])


def _oauth_code(cause: BaseException) -> str:
    """Returns the OAuth error code of an exception of the refresh function. The database stores an invalid code as `other`."""
    code = getattr(cause, "error", None)
    return code if isinstance(code, str) and code.isascii() and code.isprintable() else "other"


def _exchange(context: Context, operation: str, lease: Lease, refresh: Callable[..., Any]) -> Step[Optional[Exchanged]]:
    started = time.monotonic()
    found: Union[Unanswered, Exchanged, None] = yield Ask(
        refresh,
        (lease.refresh_token, RefreshContext(lease.user_id, context.refresh_timeout_seconds)),
        context.refresh_timeout_seconds,
        _PATIENCE_SECONDS,
        lambda answer: read_refreshed_tokens(answer, context.default_lifetime_seconds),
        lambda answer: _finish(context, operation, lease, answer, started),
    )
    if not isinstance(found, Unanswered):
        return found
    cause = found.error
    code = "timeout" if cause is None else _oauth_code(cause)
    is_final = code == "invalid_grant"
    retry_at, _ = yield from fail(context, operation, lease.lease_id, code, is_final=is_final)
    context.emit(RefreshEvent(lease.user_id, "rejected" if is_final else "failed", time.monotonic() - started))
    about: dict[str, Any] = {"user_id": lease.user_id}
    if is_final:
        message = "the provider refused the refresh token: the veteran must sign in again"
        raise failure("ERR_SIGN_IN_AGAIN", message, **about) from cause
    if cause is None:
        message = f"the token endpoint did not answer within {context.refresh_timeout_seconds:g} s"
        raise failure("ERR_REFRESH_TIMEOUT", message, retryable=True, **about)
    message = "the token endpoint refused or failed: the refresh is tried again later"
    raise failure("ERR_REFRESH_FAILED", message, retryable=True, retry_at=retry_at, **about) from cause


def exchange(context: Context, operation: str, lease: Lease, refresh: Callable[..., Any]) -> Step[Optional[Exchanged]]:
    """Exchanges a token and stores the response. Returns the new token; None if other tokens were stored meanwhile."""
    found: Optional[Exchanged] = yield Detached(None, lambda: _exchange(context, operation, lease, refresh))
    return found
