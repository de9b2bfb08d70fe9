"""A service that uses the whole client: sign-in, refresh, sessions, erasure and audit trail.

It runs with each driver, with tokens sealed by the client or by the server, and with both kinds of installation.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import refreshes
from cases import raises
from databases import Database
from kinds import Kind
from shared import NO_USER, Service, ahead, icn
from vetassist.client import AccountInactiveError, BadAddressEvent, GivenUp, StatementEvent


async def checks_sign_ins(service: Service) -> Any:
    client, database, va = service.client, service.database, service.va
    va_icn, first = icn(), va.issue()
    device = {"agent": 'test "quoted" \u00e9', "ip": "198.51.100.9", "version": "120.0.0.0", "list": [1, None]}
    one = await service.sign_in(
        va_icn=va_icn, tokens=first, email="one@example.com", first_name="One", device_info=device
    )
    assert 3590 < ahead(one.expires_at) < 3700, "the lifetime counts from the database's clock"
    two = await service.sign_in(va_icn=va_icn)
    assert two.user_id == one.user_id and two.session_id != one.session_id and two.jwt_id != one.jwt_id
    account = await client.user(one.user_id)
    assert (account.email, account.first_name, account.va_icn, account.is_active) == (
        "one@example.com",
        "One",
        va_icn,
        True,
    )
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

    # Addresses are stored only as hashes, and tokens only sealed.
    stored, sealed = database.rows(
        "SELECT device_info::text, t.access_token_encrypted FROM {sessions} AS s JOIN {va_tokens} AS t USING (user_id)"
        " WHERE s.id = %s",
        [one.session_id],
    )[0]
    kept = json.loads(stored)
    assert "198.51.100.9" not in stored and re.fullmatch("[0-9a-f]{64}", kept["ip_hash"])
    assert (kept["agent"], kept["version"], kept["list"]) == (device["agent"], "120.0.0.0", [1, None])
    assert first["access_token"].encode() not in bytes(sealed)
    hashed = database.value(
        "SELECT ip_hash FROM {auth_audit} WHERE user_id = %s AND event_type = 'login' LIMIT 1", [one.user_id]
    )
    registered = database.value(
        "SELECT count(*) FROM {keyed_ip_hashes} WHERE ip_hash = ANY (%s)", [[hashed, kept["ip_hash"]]]
    )
    assert registered == (2 if service.is_keyed else 0), "keyed hashes are recorded as keyed"
    return one, two, va_icn


async def a_token_without_a_lifetime_is_refused(service: Service) -> None:
    tokens = service.va.issue()
    del tokens["expires_in"]
    nobody = icn()
    await raises("ERR_NO_LIFETIME", service.sign_in(va_icn=nobody, tokens=tokens))
    assert service.database.rows("SELECT 1 FROM {users} WHERE va_icn = %s", [nobody]) == [], "no account is created"
    lasting = service.other(default_lifetime_seconds=90)
    ninety = await service.sign_in(lasting, tokens=tokens)
    assert 60 < ahead((await lasting.token_status(ninety.user_id)).expires_at) < 91


async def a_bad_address_does_not_stop_a_sign_in(service: Service) -> Any:
    service.told.clear()
    bad = await service.sign_in(ip="unknown, 203.0.113.7")
    assert [event for event in service.told if isinstance(event, BadAddressEvent)] == [BadAddressEvent("sign_in")]
    assert service.database.rows("SELECT ip_hash FROM {auth_audit} WHERE user_id = %s", [bad.user_id]) == [(None,)]
    await raises("ERR_INVALID_ADDRESS", service.sign_in(service.other(on_bad_address="raise"), ip="unknown"))
    return bad


async def checks_sessions(service: Service, one: Any, two: Any, bad: Any) -> None:
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
    assert await client.end_session(one.user_id, jwt_id=two.jwt_id) is False, "it has already ended"
    assert await client.end_session(bad.user_id, session_id=one.session_id) is False, "the session of another user"
    await raises("ERR_INVALID_ARG_TYPE", client.end_session(one.user_id))
    assert await client.extend_session(two.jwt_id, one.user_id, session_seconds=7200) is False, "it has ended"
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


async def checks_the_audit_trail(service: Service) -> None:
    client, database = service.client, service.database
    data = {"reason": "expired", "from": "198.51.100.77"}
    assert await client.log_event("login_failed", ip="203.0.113.9", data=data) > 0
    secret = await raises(
        "ERR_SECRET_IN_METADATA", client.log_event("login_failed", data={"users": [{"password": "hunter2"}]})
    )
    assert secret.path == "event_data.users[0].password" and "hunter2" not in str(secret)
    await raises("ERR_INVALID_EVENT_TYPE", client.log_event("login"))
    await raises("ERR_NO_SUCH_USER", client.log_event("login_failed", user_id=NO_USER))
    await raises("ERR_INVALID_ARG_TYPE", client.log_event("login_failed", data={"at": datetime.now()}))
    logged = database.value(
        "SELECT event_data::text FROM {auth_audit} WHERE event_type = 'login_failed' ORDER BY id DESC LIMIT 1"
    )
    assert "198.51.100.77" not in logged and "_hash" in logged


async def an_inactive_account_is_refused(service: Service, one: Any, va_icn: str) -> None:
    client, database = service.client, service.database
    assert await client.set_active(one.user_id, False, reason="asked for it") is True
    assert await client.set_active(one.user_id, False) is False
    assert await client.session(one.jwt_id) is None
    refused = await raises(
        "ERR_ACCOUNT_INACTIVE", service.sign_in(va_icn=va_icn), user_id=one.user_id, sqlstate="VA001", retryable=False
    )
    assert isinstance(refused, AccountInactiveError)
    assert database.events_of(one.user_id)[-1] == "login_refused", "the audit trail has the refusal"
    await raises("ERR_ACCOUNT_INACTIVE", client.store_tokens(one.user_id, service.va.issue()))
    await raises("ERR_ACCOUNT_INACTIVE", client.access_token(one.user_id))
    assert await client.set_active(one.user_id, True) is True


async def checks_erasure(service: Service) -> None:
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


async def checks_events(service: Service, one: Any, va_icn: str) -> None:
    spoken = repr(service.told)
    for value in (va_icn, "203.0.113", "two@example.com", "access-", "refresh-"):
        assert value not in spoken, f"an event contains {value}"
    assert any(isinstance(event, StatementEvent) and event.operation == "erase_user" for event in service.told)

    def throws(_: object) -> None:
        raise RuntimeError("a listener that raises")

    assert await service.other(on_event=throws).user(one.user_id) is not None, "an error in a listener has no effect"


async def run(kind: Kind, database: Database, options: dict[str, Any]) -> None:
    """Runs all parts of the service."""
    service = Service(kind, database, options)
    await service.client.check()
    one, two, va_icn = await checks_sign_ins(service)
    await a_token_without_a_lifetime_is_refused(service)
    bad = await a_bad_address_does_not_stop_a_sign_in(service)
    await checks_sessions(service, one, two, bad)
    good, revoked = await refreshes.refreshes(service)
    await refreshes.refreshes_on_401(service, good, revoked)
    await refreshes.backs_off(service, good)
    await refreshes.loses_no_answer(service)
    await refreshes.refreshes_ahead(service)
    await checks_the_audit_trail(service)
    await an_inactive_account_is_refused(service, one, va_icn)
    await checks_erasure(service)
    await checks_events(service, one, va_icn)
    await service.client.settle()
    await service.client.check()
