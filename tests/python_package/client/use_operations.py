"""Uses every operation of both clients, with every parameter, as a service does. The type checkers find no mistake in it."""

# pyright: strict

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address
from typing import Optional
from uuid import UUID

import psycopg
import vetassist
import vetassist.aio
from vetassist.client import (
    AccessToken,
    Account,
    AccountInactiveError,
    ActiveSession,
    ClientError,
    Erased,
    FailedRefresh,
    GivenUp,
    NoTokensError,
    RefreshContext,
    Refreshed,
    RotationProgress,
    RotationStep,
    SealedBy,
    SessionInfo,
    SignedIn,
    SignInAgainError,
    StartedSession,
    TokenResponse,
    TokenStatus,
)


class Response:
    status_code: int = 200


def refresh(token: str, about: RefreshContext) -> TokenResponse:
    user_id: UUID = about.user_id
    return {"access_token": f"{token} of {user_id}", "expires_in": about.timeout_seconds}


async def refresh_async(token: str, about: RefreshContext) -> TokenResponse:
    return refresh(token, about)


def request(token: str) -> Response:
    return Response()


async def request_async(token: str) -> Response:
    return request(token)


def note(progress: RotationProgress) -> None:
    print(progress.seen, progress.resealed, progress.unopened)


def shown(error: ClientError) -> tuple[str, bool, Optional[str], Optional[UUID], Optional[datetime]]:
    return error.code, error.retryable, error.sqlstate, error.user_id, error.retry_at


def in_blocking_transaction(client: vetassist.sync.Transaction) -> UUID:
    device: dict[str, str] = {"agent": "x"}
    signed_in: SignedIn = client.sign_in(
        "ICN",
        {"access_token": "x", "refresh_token": "y", "expires_in": 60},
        session_seconds=60,
        jwt_id="jti",
        device_info=device,
        ip="203.0.113.7",
        veteran_status="confirmed",
        email="a@example.com",
        first_name="A",
        last_name="B",
    )
    user_id: UUID = signed_in.user_id
    active: Optional[ActiveSession] = client.session("jti")
    listed: list[SessionInfo] = client.sessions(user_id)
    started: StartedSession = client.new_session(
        str(user_id), session_seconds=60, jwt_id="other", device_info=device, ip=IPv4Address("203.0.113.7")
    )
    changed: bool = client.extend_session("jti", user_id, session_seconds=90.5)
    changed = client.end_session(user_id, jwt_id="jti")
    changed = client.end_session(user_id, session_id=started.session_id)
    number: int = client.end_sessions(user_id, except_jwt_id="jti")
    number = client.purge_sessions(older_than_days=30, max_rows=100)
    account: Optional[Account] = client.user(user_id)
    changed = client.update_user(user_id, veteran_status=None, email="b@example.com", first_name="C", last_name="D")
    changed = client.set_active(user_id, False, reason="asked for it")
    client.store_tokens(user_id, {"access_token": "x", "expires_in": "60"})
    status: TokenStatus = client.token_status(user_id)
    given: Optional[GivenUp] = client.disconnect(user_id)
    number = client.log_event("looked_at", user_id=user_id, data={"page": [1, None]}, ip="203.0.113.7")
    erased: Erased = client.erase_user(user_id)
    print(active, listed, changed, number, account, status.retry_at, given, erased.tokens)
    return user_id


def blocking(client: vetassist.Client, within: vetassist.sync.Transaction, connection: psycopg.Connection[object]) -> None:
    user_id = in_blocking_transaction(client)
    in_blocking_transaction(within)
    within = client.within(connection)
    client.check(allow_roles=["monitor"])
    try:
        token: AccessToken = client.access_token(user_id, refresh, min_valid_seconds=30, wait_seconds=0.5)
        response: Response = client.with_token(user_id, request, refresh, wait_seconds=5)
        print(token.token, token.expires_at, response.status_code)
    except (AccountInactiveError, SignInAgainError, NoTokensError) as error:
        print(shown(error))
    done: Refreshed = client.refresh_expiring(refresh, within_seconds=60, max_rows=5, concurrency=2)
    failed: tuple[FailedRefresh, ...] = done.failed
    step: RotationStep = client.rotate_tokens(after=None, max_rows=100, max_seconds=1.5, progress=note)
    counts: list[SealedBy] = client.rotation_status()
    client.settle()
    print(failed, step.after, counts)


async def in_asynchronous_transaction(client: vetassist.aio.Transaction) -> UUID:
    device: dict[str, str] = {"agent": "x"}
    signed_in: SignedIn = await client.sign_in(
        "ICN",
        {"access_token": "x", "refresh_token": "y", "expires_in": 60},
        session_seconds=60,
        jwt_id="jti",
        device_info=device,
        ip="203.0.113.7",
        veteran_status="confirmed",
        email="a@example.com",
        first_name="A",
        last_name="B",
    )
    user_id: UUID = signed_in.user_id
    active: Optional[ActiveSession] = await client.session("jti")
    listed: list[SessionInfo] = await client.sessions(user_id)
    started: StartedSession = await client.new_session(
        str(user_id), session_seconds=60, jwt_id="other", device_info=device, ip=IPv4Address("203.0.113.7")
    )
    changed: bool = await client.extend_session("jti", user_id, session_seconds=90.5)
    changed = await client.end_session(user_id, jwt_id="jti")
    changed = await client.end_session(user_id, session_id=started.session_id)
    number: int = await client.end_sessions(user_id, except_jwt_id="jti")
    number = await client.purge_sessions(older_than_days=30, max_rows=100)
    account: Optional[Account] = await client.user(user_id)
    changed = await client.update_user(user_id, veteran_status=None, email="b@example.com", first_name="C", last_name="D")
    changed = await client.set_active(user_id, False, reason="asked for it")
    await client.store_tokens(user_id, {"access_token": "x", "expires_in": "60"})
    status: TokenStatus = await client.token_status(user_id)
    given: Optional[GivenUp] = await client.disconnect(user_id)
    number = await client.log_event("looked_at", user_id=user_id, data={"page": [1, None]}, ip="203.0.113.7")
    erased: Erased = await client.erase_user(user_id)
    print(active, listed, changed, number, account, status.retry_at, given, erased.tokens)
    return user_id


async def asynchronous(
    client: vetassist.aio.Client, within: vetassist.aio.Transaction, connection: psycopg.AsyncConnection[object]
) -> None:
    user_id = await in_asynchronous_transaction(client)
    await in_asynchronous_transaction(within)
    within = client.within(connection)
    await client.check(allow_roles=["monitor"])
    try:
        token: AccessToken = await client.access_token(user_id, refresh_async, min_valid_seconds=30, wait_seconds=0.5)
        response: Response = await client.with_token(user_id, request_async, refresh_async, wait_seconds=5)
        print(token.token, token.expires_at, response.status_code)
    except (AccountInactiveError, SignInAgainError, NoTokensError) as error:
        print(shown(error))
    done: Refreshed = await client.refresh_expiring(refresh_async, within_seconds=60, max_rows=5, concurrency=2)
    failed: tuple[FailedRefresh, ...] = done.failed
    step: RotationStep = await client.rotate_tokens(after=None, max_rows=100, max_seconds=1.5, progress=note)
    counts: list[SealedBy] = await client.rotation_status()
    await client.settle()
    print(failed, step.after, counts)
