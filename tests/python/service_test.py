"""Tests the example in examples/python-asyncpg.

Argument: the folder of the server's socket.
"""

import asyncio
import pathlib
import sys
from datetime import datetime, timedelta, timezone

import asyncpg

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples/python-asyncpg"))

from service import AccountInactive, Service, Tokens  # noqa: E402

RESPONSE = {"access_token": "an access t\u00f6k\u00e9n", "refresh_token": "a refresh token", "scope": "openid",
            "expires_in": 3600}


async def never(refresh_token):
    raise AssertionError("VA.gov was asked")


async def signs_in_and_out(service, admin):
    signed_in = await service.sign_in(
        "1012667145V762142", Tokens.from_response(RESPONSE), "203.0.113.7", {"os": "iOS", "ip": "203.0.113.7"},
        email="tamara.ellis@example.com", first_name="Tamara")
    assert await service.access_token(signed_in.user_id, never) == RESPONSE["access_token"]
    user = await admin.fetchrow("SELECT * FROM vetassist_users WHERE id = $1", signed_in.user_id)
    assert (user["email"], user["first_name"], user["last_name"]) == ("tamara.ellis@example.com", "Tamara", None)
    stored = await admin.fetchval("SELECT t::text || s::text || a::text FROM vetassist_va_tokens t, vetassist_sessions s,"
                                  " vetassist_auth_audit a")
    assert "203.0.113.7" not in stored and RESPONSE["access_token"].encode().hex() not in stored
    session = await admin.fetchrow("SELECT * FROM vetassist_sessions WHERE id = $1", signed_in.session_id)
    assert session["jwt_id"] == signed_in.jwt_id
    assert await service.is_signed_in(signed_in.jwt_id)
    assert await service.sign_out(signed_in.jwt_id, signed_in.user_id)
    assert not await service.is_signed_in(signed_in.jwt_id)
    assert not await service.sign_out(signed_in.jwt_id, signed_in.user_id)
    return signed_in.user_id


async def refreshes(service, admin, user_id):
    asked = []

    async def va(refresh_token):
        asked.append(refresh_token)
        return Tokens("renewed", datetime.now(timezone.utc) + timedelta(hours=1))

    await admin.execute("UPDATE vetassist_va_tokens SET expires_at = now() + interval '1 minute'")
    # Two workers make one exchange for the user. The refresh token stays, because the response has no other.
    assert sorted(await asyncio.gather(service.refresh_due(va), service.refresh_due(va))) == [0, 1]
    assert asked == [RESPONSE["refresh_token"]]
    assert await service.access_token(user_id, never) == "renewed"
    assert await service.refresh_due(va) == 0

    # Two requests at once make one exchange, and both get the new token.
    await admin.execute("UPDATE vetassist_va_tokens SET expires_at = now()")
    asked.clear()
    both = await asyncio.gather(service.access_token(user_id, va), service.access_token(user_id, va))
    assert (both, len(asked)) == (["renewed", "renewed"], 1)

    async def short(refresh_token):
        return Tokens("short", datetime.now(timezone.utc) + timedelta(minutes=1))

    await admin.execute("UPDATE vetassist_va_tokens SET expires_at = now()")
    assert await service.refresh_due(short) == 1

    # A failed exchange of one user does not affect the others.
    for number in range(3):
        await service.sign_in(f"ICN {number}", Tokens(f"access {number}", datetime.now(timezone.utc), f"refresh {number}"), "203.0.113.7")
    await admin.execute("UPDATE vetassist_va_tokens SET expires_at = now() + interval '1 hour' WHERE user_id = $1", user_id)

    async def refuses_one(refresh_token):
        if refresh_token == "refresh 0":
            raise ConnectionError
        return Tokens("new for " + refresh_token, datetime.now(timezone.utc) + timedelta(hours=1))

    await admin.execute("UPDATE vetassist_va_tokens SET expires_at = now() - interval '1 day'"
                        " WHERE user_id = (SELECT id FROM vetassist_users WHERE va_icn = 'ICN 0')")
    assert await service.refresh_due(refuses_one) == 2
    opened = await admin.fetch("SELECT vetassist_access_token(id) FROM vetassist_users WHERE va_icn ~ '^ICN ' ORDER BY va_icn")
    assert [row[0] for row in opened] == ["access 0", "new for refresh 1", "new for refresh 2"]


async def a_veteran_must_sign_in_again_after_a_final_error(service, admin):
    class Refused(Exception):
        code = "invalid_grant"

    async def refuses(refresh_token):
        raise Refused

    async def sign_in():
        expired = Tokens("old", datetime.now(timezone.utc), "refresh")
        return (await service.sign_in("ICN ended", expired, "203.0.113.7")).user_id

    user_id = await sign_in()
    assert await service.access_token(user_id, refuses) is None
    assert await service.access_token(user_id, never) is None
    assert await service.refresh_due(never) == 0
    state = "SELECT state FROM vetassist_token_status($1)"
    assert await admin.fetchval(state, user_id) == "reconnect"
    assert await sign_in() == user_id
    assert await admin.fetchval(state, user_id) != "reconnect"


async def an_inactive_account_is_refused(service, admin, user_id):
    await admin.execute("UPDATE vetassist_users SET is_active = false WHERE id = $1", user_id)
    sessions = await admin.fetchval("SELECT count(*) FROM vetassist_sessions")
    try:
        await service.sign_in("1012667145V762142", Tokens.from_response(RESPONSE), "203.0.113.7")
    except AccountInactive as refused:
        assert str(refused) == str(user_id)
    else:
        raise AssertionError("an inactive account signed in")
    assert await admin.fetchval("SELECT count(*) FROM vetassist_sessions") == sessions
    event = await admin.fetchrow("SELECT * FROM vetassist_auth_audit ORDER BY id DESC LIMIT 1")
    assert (event["event_type"], event["user_id"]) == ("login_refused", user_id)
    assert event["ip_hash"] == await admin.fetchval("SELECT vetassist_hash_ip('203.0.113.7')")


async def needs_no_table(pool):
    for table in ("vetassist_users", "vetassist_va_tokens", "vetassist_sessions", "vetassist_auth_audit"):
        try:
            await pool.fetch(f"SELECT * FROM {table}")
        except asyncpg.InsufficientPrivilegeError:
            continue
        raise AssertionError(f"the backend reads {table}")


async def main(socket: str) -> None:
    admin = await asyncpg.connect(host=socket, user="postgres", database="postgres")
    await admin.execute("CREATE ROLE backend LOGIN; SELECT vetassist_grant('backend', 'app')")
    async with asyncpg.create_pool(host=socket, user="backend", database="postgres", min_size=2, max_size=4) as pool:
        service = Service(pool)
        user_id = await signs_in_and_out(service, admin)
        await refreshes(service, admin, user_id)
        await a_veteran_must_sign_in_again_after_a_final_error(service, admin)
        await an_inactive_account_is_refused(service, admin, user_id)
        await needs_no_table(pool)
    await admin.close()
    print("the service works")


# A worker that does not end is a failure.
asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 60))
