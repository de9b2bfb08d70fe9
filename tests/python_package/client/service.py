"""One service, written once: it signs in, refreshes, shows and ends sessions, erases, audits.

It runs over each driver, wherever the tokens are sealed, and whatever the database is.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from datetime import datetime, timezone
from typing import Any

from cases import raises
from databases import Database
from kinds import Kind, connection_error
from provider import Provider
from spies import between
from vetassist.client import AccountInactiveError, BadAddressEvent, GivenUp, RefreshEvent, SignInAgainError, StatementEvent

NO_USER = uuid.UUID(int=7)


def icn() -> str:
    return f"ICN {uuid.uuid4().hex[:30]}"


def ahead(when: datetime) -> float:
    return (when - datetime.now(timezone.utc)).total_seconds()


class Service:
    """What the parts of the service share."""

    def __init__(self, kind: Kind, database: Database, options: dict[str, Any]) -> None:
        self.kind = kind
        self.database = database
        self.options = options
        self.is_sealed_here = "ring" in options
        self.is_keyed = self.is_sealed_here
        self.va = Provider()
        self.told: list[Any] = []
        self.client = self.other(refresh=self.va.refresh, on_event=self.told.append)

    def other(self, **more: Any) -> Any:
        """Makes another client, with other options."""
        return self.kind.client(**{**self.options, **more})

    async def sign_in(self, client: Any = None, **more: Any) -> Any:
        given = {"va_icn": icn(), "tokens": self.va.issue(), "session_seconds": 3600, "ip": "203.0.113.7", **more}
        return await (client or self.client).sign_in(given.pop("va_icn"), given.pop("tokens"), **given)


async def signs_in(service: Service) -> Any:
    client, database, va = service.client, service.database, service.va
    va_icn, first = icn(), va.issue()
    device = {"agent": 'test "quoted" \u00e9', "ip": "198.51.100.9", "version": "120.0.0.0", "list": [1, None]}
    one = await service.sign_in(va_icn=va_icn, tokens=first, email="one@example.com", first_name="One", device_info=device)
    assert 3590 < ahead(one.expires_at) < 3700, "a lifetime in seconds, by the clock of the database"
    two = await service.sign_in(va_icn=va_icn)
    assert two.user_id == one.user_id and two.session_id != one.session_id and two.jwt_id != one.jwt_id
    account = await client.user(one.user_id)
    assert (account.email, account.first_name, account.va_icn, account.is_active) == ("one@example.com", "One", va_icn, True)
    assert -60 < ahead(account.last_login_at) <= 0
    assert await client.user(str(NO_USER)) is None
    used = await raises("ERR_JWT_ID_USED", service.sign_in(jwt_id=one.jwt_id), retryable=False, sqlstate="23505")
    assert one.jwt_id not in str(used)
    await raises("ERR_TEXT_TOO_LONG", service.sign_in(va_icn="x" * 51))
    await raises("ERR_REFUSED", service.sign_in(va_icn=" "))
    odd = await raises("ERR_INVALID_ARG_TYPE", client.user("no-such-id"))
    assert "no-such-id" not in str(odd)
    for text in ("half \ud800", "a NUL \0"):
        await raises("ERR_INVALID_TEXT", service.sign_in(last_name=text))

    # What is stored: hashes and no addresses, sealed tokens and no others.
    stored, sealed = database.rows(
        "SELECT device_info::text, t.access_token_encrypted FROM {sessions} AS s JOIN {va_tokens} AS t USING (user_id) WHERE s.id = %s",
        [one.session_id],
    )[0]
    kept = json.loads(stored)
    assert "198.51.100.9" not in stored and re.fullmatch("[0-9a-f]{64}", kept["ip_hash"])
    assert (kept["agent"], kept["version"], kept["list"]) == (device["agent"], "120.0.0.0", [1, None])
    assert first["access_token"].encode() not in bytes(sealed)
    hashed = database.value("SELECT ip_hash FROM {auth_audit} WHERE user_id = %s AND event_type = 'login' LIMIT 1", [one.user_id])
    registered = database.value("SELECT count(*) FROM {keyed_ip_hashes} WHERE ip_hash = ANY (%s)", [[hashed, kept["ip_hash"]]])
    assert registered == (2 if service.is_keyed else 0), "keyed hashes are remembered as such"
    return one, two, va_icn


async def demands_a_lifetime(service: Service) -> None:
    tokens = service.va.issue()
    del tokens["expires_in"]
    nobody = icn()
    await raises("ERR_NO_LIFETIME", service.sign_in(va_icn=nobody, tokens=tokens))
    assert service.database.rows("SELECT 1 FROM {users} WHERE va_icn = %s", [nobody]) == [], "not even the account"
    lasting = service.other(default_lifetime_seconds=90)
    ninety = await service.sign_in(lasting, tokens=tokens)
    assert 60 < ahead((await lasting.token_status(ninety.user_id)).expires_at) < 91


async def loses_no_sign_in_for_an_address(service: Service) -> Any:
    service.told.clear()
    bad = await service.sign_in(ip="unknown, 203.0.113.7")
    assert [event for event in service.told if isinstance(event, BadAddressEvent)] == [BadAddressEvent("sign_in")]
    assert service.database.rows("SELECT ip_hash FROM {auth_audit} WHERE user_id = %s", [bad.user_id]) == [(None,)]
    await raises("ERR_INVALID_ADDRESS", service.sign_in(service.other(on_bad_address="raise"), ip="unknown"))
    return bad


async def has_sessions(service: Service, one: Any, two: Any, bad: Any) -> None:
    client = service.client
    active = await client.session(one.jwt_id)
    assert (active.session_id, active.user_id, active.account.email) == (one.session_id, one.user_id, "one@example.com")
    assert await client.session("another") is None
    more = await client.new_session(one.user_id, session_seconds=60, ip="2001:db8::1", device_info={"agent": "phone"})
    assert await client.extend_session(more.jwt_id, one.user_id, session_seconds=7200) is True
    assert ahead((await client.session(more.jwt_id)).expires_at) > 7100
    listed = await client.sessions(one.user_id)
    assert {each.session_id for each in listed} == {one.session_id, two.session_id, more.session_id}
    assert await client.end_session(one.user_id, jwt_id=two.jwt_id) is True
    assert await client.end_session(one.user_id, jwt_id=two.jwt_id) is False, "it has ended"
    assert await client.end_session(bad.user_id, session_id=one.session_id) is False, "another user's"
    await raises("ERR_INVALID_ARG_TYPE", client.end_session(one.user_id))
    assert await client.extend_session(two.jwt_id, one.user_id, session_seconds=7200) is False, "never one that ended"
    assert await client.session(two.jwt_id) is None
    assert await client.end_sessions(one.user_id, except_jwt_id=one.jwt_id) == 1
    listed = await client.sessions(one.user_id)
    assert [each.jwt_id for each in listed if each.is_active] == [one.jwt_id]
    assert all(each.created_at is not None and (each.revoked_at is None) == each.is_active for each in listed)
    await raises("ERR_NO_SUCH_USER", client.new_session(NO_USER, session_seconds=60))
    assert await client.purge_sessions(older_than_days=0) == 2
    assert await client.update_user(one.user_id, last_name="Two", email="two@example.com") is True
    assert await client.update_user(one.user_id, last_name="Two") is False
    assert (await client.user(one.user_id)).email == "two@example.com"


async def refreshes(service: Service) -> Any:
    """As stored, refreshed when due, and never exchanged twice."""
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
    assert (await client.access_token(good, min_valid_seconds=10)).token == renewed.token, "good for as long as is asked"
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
    # The same where the request raises for its status.
    used.clear()
    second = (await client.access_token(good)).token
    assert (await client.with_token(good, request(lambda token: token != second, raising=True))).status_code == 200
    assert (len(used), va.exchanges) == (2, 4)
    # Somebody renewed it meanwhile: the one that they stored is used, and none is exchanged.
    theirs = {**va.issue(), "expires_in": 4000}
    before = va.exchanges
    loop = asyncio.get_running_loop()

    def overtaken(token: str) -> Response:
        if token != theirs["access_token"]:
            asyncio.run_coroutine_threadsafe(client.store_tokens(good, theirs), loop).result(30)
        return Response(200 if token == theirs["access_token"] else 401)

    assert (await client.with_token(good, overtaken)).status_code == 200
    assert va.exchanges == before, "not one that somebody renewed meanwhile"
    used.clear()
    assert (await client.with_token(good, request(lambda _: False))).status_code == 401
    assert (len(used), va.exchanges) == (2, before + 1), "once and not for ever"
    try:
        await client.with_token(good, request(lambda _: False, raising=True))
    except Refused:
        pass
    else:
        raise AssertionError("the refusal was lost")


async def backs_off(service: Service, good: Any) -> None:
    """What fails backs off, and the old token serves as long as it lives."""
    client, va, database = service.client, service.va, service.database
    database.expire(good, 30)
    va.order("failed")
    current = (await client.access_token(good, min_valid_seconds=0)).token
    assert (await client.access_token(good)).token == current, "the old one, while it lives"
    assert (await client.access_token(good)).token == current, "and nobody asks again yet"
    failed = await client.token_status(good)
    assert (failed.state, failed.attempts, failed.last_error, failed.has_refresh_token) == ("wait", 1, "server_error", True)
    before = va.exchanges
    database.expire(good)
    soon = await raises("ERR_REFRESH_TIMEOUT", client.access_token(good, wait_seconds=0.05), retryable=True, user_id=good)
    assert ahead(soon.retry_at) > 0 and va.exchanges == before
    database.rows("DELETE FROM {refresh_states} WHERE user_id = %s", [good])
    assert (await client.access_token(good)).token != current, "and it goes on"

    failing = (await service.sign_in()).user_id
    database.expire(failing)
    va.order("failed")
    error = await raises("ERR_REFRESH_FAILED", client.access_token(failing), retryable=True)
    assert error.__cause__.error == "server_error" and error.retry_at is not None

    # invalid_grant is final, until new tokens are stored.
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
    """A late answer is stored all the same; a finish whose answer is lost is asked again, and the exchange is not."""
    client, va, database = service.client, service.va, service.database
    late = (await service.sign_in()).user_id
    database.expire(late)
    va.order("slow", seconds=0.4)
    hasty = service.other(refresh=va.refresh, refresh_timeout_seconds=0.1)
    await raises("ERR_REFRESH_TIMEOUT", hasty.access_token(late), retryable=True)
    await hasty.settle()
    assert ((await client.token_status(late)).state, va.reuse) == ("ready", 0), "the late answer"

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

    # Where new tokens are stored during an exchange, they stay.
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


async def keeps_a_trail(service: Service) -> None:
    client, database = service.client, service.database
    data = {"reason": "expired", "from": "198.51.100.77"}
    assert await client.log_event("login_failed", ip="203.0.113.9", data=data) > 0
    secret = await raises("ERR_SECRET_IN_METADATA", client.log_event("login_failed", data={"users": [{"password": "hunter2"}]}))
    assert secret.path == "event_data.users[0].password" and "hunter2" not in str(secret)
    await raises("ERR_INVALID_EVENT_TYPE", client.log_event("login"))
    await raises("ERR_NO_SUCH_USER", client.log_event("login_failed", user_id=NO_USER))
    await raises("ERR_INVALID_ARG_TYPE", client.log_event("login_failed", data={"at": datetime.now()}))
    logged = database.value("SELECT event_data::text FROM {auth_audit} WHERE event_type = 'login_failed' ORDER BY id DESC LIMIT 1")
    assert "198.51.100.77" not in logged and "_hash" in logged


async def refuses_an_inactive_account(service: Service, one: Any, va_icn: str) -> None:
    client, database = service.client, service.database
    assert await client.set_active(one.user_id, False, reason="asked for it") is True
    assert await client.set_active(one.user_id, False) is False
    assert await client.session(one.jwt_id) is None
    refused = await raises(
        "ERR_ACCOUNT_INACTIVE", service.sign_in(va_icn=va_icn), user_id=one.user_id, sqlstate="VA001", retryable=False
    )
    assert isinstance(refused, AccountInactiveError)
    assert database.events_of(one.user_id)[-1] == "login_refused", "it is in the trail when it raises"
    await raises("ERR_ACCOUNT_INACTIVE", client.store_tokens(one.user_id, service.va.issue()))
    await raises("ERR_ACCOUNT_INACTIVE", client.access_token(one.user_id))
    assert await client.set_active(one.user_id, True) is True


async def erases(service: Service) -> None:
    client, va = service.client, service.va
    first, last = va.issue(), va.issue()
    leaving = (await service.sign_in(tokens=first)).user_id
    given = await client.disconnect(leaving)
    assert given == GivenUp(first["access_token"], first["refresh_token"]) and first["access_token"] not in repr(given)
    assert await client.disconnect(leaving) is None
    await client.store_tokens(leaving, last)
    erased = await client.erase_user(leaving)
    assert (erased.erased, erased.tokens) == (True, GivenUp(last["access_token"], last["refresh_token"]))
    again = await client.erase_user(leaving)
    assert (again.erased, again.tokens) == (False, None)
    account = await client.user(leaving)
    assert (account.va_icn, account.is_active) == (None, False)
    assert service.database.events_of(leaving)[-2:] == ["tokens_disconnected", "user_erased"]


async def tells(service: Service, one: Any, va_icn: str) -> None:
    spoken = repr(service.told)
    for value in (va_icn, "203.0.113", "two@example.com", "access-", "refresh-"):
        assert value not in spoken, f"{value} was told"
    assert any(isinstance(event, StatementEvent) and event.operation == "erase_user" for event in service.told)

    def throws(_: object) -> None:
        raise RuntimeError("a listener that raises")

    assert await service.other(on_event=throws).user(one.user_id) is not None, "whoever listens disturbs nothing"


async def run(kind: Kind, database: Database, options: dict[str, Any]) -> None:
    """Runs the service."""
    service = Service(kind, database, options)
    await service.client.check()
    one, two, va_icn = await signs_in(service)
    await demands_a_lifetime(service)
    bad = await loses_no_sign_in_for_an_address(service)
    await has_sessions(service, one, two, bad)
    good, revoked = await refreshes(service)
    await refreshes_on_401(service, good, revoked)
    await backs_off(service, good)
    await loses_no_answer(service)
    await refreshes_ahead(service)
    await keeps_a_trail(service)
    await refuses_an_inactive_account(service, one, va_icn)
    await erases(service)
    await tells(service, one, va_icn)
    await service.client.settle()
    await service.client.check()


