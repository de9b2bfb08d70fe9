"""The part of the service that refreshes tokens: each token is exchanged once, and no response is lost."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from cases import raises
from kinds import connection_error
from shared import NO_USER, Service, ahead
from spies import between
from vetassist.client import RefreshEvent, SignInAgainError


async def refreshes(service: Service) -> Any:
    """A token is returned as stored, refreshed when it is due, and never exchanged twice."""
    client, va, database = service.client, service.va, service.database
    good = (await service.sign_in()).user_id
    stored = await client.access_token(good)
    assert await client.access_token(str(good)) == stored and va.exchanges == 0
    assert stored.token not in repr(stored)
    database.expire(good, 30)
    renewed = await client.access_token(good)
    assert renewed.token != stored.token and ahead(renewed.expires_at) > 3500, "renewed before it ended"
    assert (va.exchanges, (await client.access_token(good)).token) == (1, renewed.token)
    database.expire(good, 30)
    assert (await client.access_token(good, min_valid_seconds=10)).token == renewed.token, (
        "it is valid for as long as the caller asks"
    )
    database.expire(good)
    service.told.clear()
    many = await asyncio.gather(*(client.access_token(good) for _ in range(50)))
    assert ({each.token for each in many} == {many[0].token}, va.exchanges, va.reuse) == (True, 2, 0)
    await raises("ERR_NO_TOKENS", client.access_token(NO_USER))
    return good, many[0].token


async def refreshes_on_401(service: Service, good: Any, revoked: str) -> None:
    client, va = service.client, service.va
    used: list[str] = []

    class Response:
        def __init__(self, status_code: int) -> None:
            self.status_code = status_code

    class Refused(Exception):
        def __init__(self, response: Response) -> None:
            self.response = response

    def request(is_good: Any, *, raising: bool = False) -> Any:
        def call(token: str) -> Response:
            used.append(token)
            response = Response(200 if is_good(token) else 401)
            if raising and response.status_code == 401:
                raise Refused(response)
            return response

        return call

    assert (await client.with_token(good, request(lambda token: token != revoked))).status_code == 200
    assert (len(used), va.exchanges) == (2, 3)
    # The same holds if the request raises an error for status 401.
    used.clear()
    second = (await client.access_token(good)).token
    assert (await client.with_token(good, request(lambda token: token != second, raising=True))).status_code == 200
    assert (len(used), va.exchanges) == (2, 4)
    # Another process renewed the token meanwhile: its token is used, and none is exchanged.
    theirs = {**va.issue(), "expires_in": 4000}
    before = va.exchanges
    loop = asyncio.get_running_loop()

    def overtaken(token: str) -> Response:
        if token != theirs["access_token"]:
            asyncio.run_coroutine_threadsafe(client.store_tokens(good, theirs), loop).result(30)
        return Response(200 if token == theirs["access_token"] else 401)

    assert (await client.with_token(good, overtaken)).status_code == 200
    assert va.exchanges == before, "a token that was renewed meanwhile is not exchanged"
    used.clear()
    assert (await client.with_token(good, request(lambda _: False))).status_code == 401
    assert (len(used), va.exchanges) == (2, before + 1), "a request is repeated only once"
    try:
        await client.with_token(good, request(lambda _: False, raising=True))
    except Refused:
        pass
    else:
        raise AssertionError("the refusal was lost")


async def backs_off(service: Service, good: Any) -> None:
    """After a failure the client waits before the next exchange, and returns the old token until it expires."""
    client, va, database = service.client, service.va, service.database
    database.expire(good, 30)
    va.order("failed")
    current = (await client.access_token(good, min_valid_seconds=0)).token
    assert (await client.access_token(good)).token == current, "the old token until it expires"
    assert (await client.access_token(good)).token == current, "the client still waits"
    failed = await client.token_status(good)
    assert (failed.state, failed.attempts, failed.last_error, failed.has_refresh_token) == (
        "wait",
        1,
        "server_error",
        True,
    )
    before = va.exchanges
    database.expire(good)
    soon = await raises(
        "ERR_REFRESH_TIMEOUT", client.access_token(good, wait_seconds=0.05), retryable=True, user_id=good
    )
    assert ahead(soon.retry_at) > 0 and va.exchanges == before
    database.rows("DELETE FROM {refresh_states} WHERE user_id = %s", [good])
    assert (await client.access_token(good)).token != current, "exchanges are resumed"

    failing = (await service.sign_in()).user_id
    database.expire(failing)
    va.order("failed")
    error = await raises("ERR_REFRESH_FAILED", client.access_token(failing), retryable=True)
    assert error.__cause__.error == "server_error" and error.retry_at is not None

    # invalid_grant is final until new tokens are stored.
    dead = (await service.sign_in()).user_id
    database.expire(dead)
    va.order("refused")
    final = await raises("ERR_SIGN_IN_AGAIN", client.access_token(dead), retryable=False)
    assert isinstance(final, SignInAgainError)
    asked = va.exchanges
    await raises("ERR_SIGN_IN_AGAIN", client.access_token(dead))
    assert (va.exchanges, (await client.token_status(dead)).state) == (asked, "reconnect")
    await client.store_tokens(dead, va.issue())
    assert (await client.access_token(dead)).token.startswith("access-")


async def loses_no_answer(service: Service) -> None:
    """A late response is stored. If the connection breaks while it is stored, only storing it is repeated."""
    client, va, database = service.client, service.va, service.database
    late = (await service.sign_in()).user_id
    database.expire(late)
    va.order("slow", seconds=0.4)
    hasty = service.other(refresh=va.refresh, refresh_timeout_seconds=0.1)
    await raises("ERR_REFRESH_TIMEOUT", hasty.access_token(late), retryable=True)
    await hasty.settle()
    assert ((await client.token_status(late)).state, va.reuse) == ("ready", 0), "the late response is stored"

    lost = (await service.sign_in()).user_id
    database.expire(lost)
    before = va.exchanges
    drops = iter(range(2))

    def drop(text: str, _params: Any) -> None:
        if "vetassist_finish_refresh" in text and next(drops, None) is not None:
            raise connection_error()

    losing = service.other(db=between(service.kind, after=drop), refresh=va.refresh)
    kept = await losing.access_token(lost)
    assert (va.exchanges - before, (await client.access_token(lost)).token) == (1, kept.token)

    # Tokens that are stored during an exchange are kept.
    overtaken = (await service.sign_in()).user_id
    database.expire(overtaken)
    told: list[Any] = []
    newer, loop = va.issue(), asyncio.get_running_loop()

    def refresh(token: str, about: Any) -> Any:
        asyncio.run_coroutine_threadsafe(client.store_tokens(overtaken, newer), loop).result(30)
        return va.refresh(token, about)

    slow = service.other(refresh=refresh, on_event=told.append)
    assert (await slow.access_token(overtaken)).token == newer["access_token"]
    assert [event.outcome for event in told if isinstance(event, RefreshEvent)] == ["discarded"]


async def refreshes_ahead(service: Service) -> None:
    client, va, database = service.client, service.va, service.database
    database.rows("UPDATE {va_tokens} SET expires_at = now() + interval '1 day'")
    due = [(await service.sign_in()).user_id for _ in range(6)]
    for user_id in due:
        database.expire(user_id, 60)
    va.order("refused")
    va.order("failed")
    first = await client.refresh_expiring(max_rows=4, concurrency=1)
    assert (first.stored, len(first.rejected), len(first.failed), first.more) == (2, 1, 1, True)
    assert (first.failed[0].error.code, first.failed[0].error.retryable) == ("ERR_REFRESH_FAILED", True)
    second = await client.refresh_expiring(max_rows=4)
    assert (second.stored, second.rejected, second.failed, second.more) == (2, (), (), False)
    assert va.reuse == 0
    # No exchange begins so late that it could outlast its lease, which is three times the timeout.
    for user_id in due[:5]:
        await client.store_tokens(user_id, va.issue())
        database.expire(user_id, 60)

    def unhurried(token: str, about: Any) -> Any:
        time.sleep(0.35)
        return va.refresh(token, about)

    slow = service.other(refresh=unhurried, refresh_timeout_seconds=0.5)
    part = await slow.refresh_expiring(concurrency=1)
    assert 0 < part.stored < 5 and part.more, "exchanges during a lease"
    await asyncio.sleep(1)
    assert part.stored + (await slow.refresh_expiring(concurrency=5)).stored == 5
    assert va.reuse == 0
