"""Tests the client's rules, each in the situation that it is for, with one asynchronous and one blocking driver."""

from __future__ import annotations

import asyncio
import re
import uuid
from typing import Any, Awaitable, Callable, Iterator

import databases
import psycopg
import pytest
import vetassist
from cases import raises
from databases import Database
from kinds import ASYNC, Kind, opened
from provider import Provider
from spies import between, failing
from vetassist.client import StatementEvent

KEYS = [vetassist.generate_key(), vetassist.generate_key()]
RING = vetassist.KeyRing(KEYS[:1])

Test = Callable[[Kind, Database], Awaitable[None]]


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with databases.made("rules") as database:
        yield database


@pytest.fixture(params=["asyncpg", "psycopg2"])
def carry_out(request: Any, database: Database) -> Callable[[Test], None]:
    def carry_out(test: Test) -> None:
        async def run() -> None:
            async with opened(request.param, database.name) as kind:
                await test(kind, database)

        asyncio.run(asyncio.wait_for(run(), 60))

    return carry_out


def icn() -> str:
    return f"ICN {uuid.uuid4().hex[:30]}"


async def sign_in(client: Any, va: Provider, **more: Any) -> Any:
    return await client.sign_in(more.pop("va_icn", icn()), more.pop("tokens", va.issue()), session_seconds=60, **more)


def test_each_operation_is_one_statement(carry_out: Callable[[Test], None]) -> None:
    async def run(kind: Kind, database: Database) -> None:
        va = Provider()
        said: list[tuple[str, Any]] = []
        spy = between(kind, before=lambda text, params: said.append((text, params)))
        client = kind.client(db=spy, ring=RING, refresh=va.refresh)
        assert said == [], "a new client sends no statement"
        one = await sign_in(client, va)
        user_id, jwt_id, device = one.user_id, one.jwt_id, {"agent": "x"}

        async def due() -> None:
            database.expire(user_id)
            await client.access_token(user_id)

        operations: list[tuple[int, Callable[[], Awaitable[Any]]]] = [
            (2, lambda: sign_in(client, va, email="a@example.com", ip="192.0.2.1", device_info=device)),
            (1, lambda: client.session(jwt_id)),
            (1, lambda: client.sessions(user_id)),
            (1, lambda: client.new_session(user_id, session_seconds=60, device_info=device, ip="::1")),
            (1, lambda: client.extend_session(jwt_id, user_id, session_seconds=90)),
            (1, lambda: client.end_session(user_id, jwt_id="none")),
            (1, lambda: client.end_session(user_id, session_id=uuid.uuid4())),
            (1, lambda: client.end_sessions(user_id, except_jwt_id=jwt_id)),
            (1, lambda: client.purge_sessions(max_rows=10)),
            (1, lambda: client.user(user_id)),
            (1, lambda: client.update_user(user_id, first_name="X")),
            (1, lambda: client.set_active(user_id, True)),
            (1, lambda: client.store_tokens(user_id, va.issue())),
            (1, lambda: client.token_status(user_id)),
            (1, lambda: client.access_token(user_id)),
            (2, due),
            (1, lambda: client.refresh_expiring()),
            (1, lambda: client.log_event("looked_at", user_id=user_id, data=device)),
            (1, lambda: client.rotation_status()),
            (1, lambda: client.rotate_tokens()),
            (1, lambda: client.check()),
            (1, lambda: client.disconnect(user_id)),
            (1, lambda: client.erase_user(user_id)),
        ]
        for most, call in operations:
            said.clear()
            await call()
            assert len(said) == most, said
            for text, params in said:
                assert text.startswith("SELECT ") and "now()" in text, "a proxy could answer it from its cache"
                assert re.search(r"\$\d+(?!\d|::text)", text) is None, f"a parameter is not cast in {text}"
                assert re.search(r'(?<![."\w])vetassist_\w+\(', text) is None, f"no schema is named in {text}"
                assert all(param is None or isinstance(param, str) for param in params), "drivers may convert it differently"
                # Only the database's clock is used, so lifetimes are sent in seconds.
                assert not any(re.match(r"\d{4}-\d\d-\d\d", param or "") for param in params), "a time of the client's clock"
                assert max([0, *map(int, re.findall(r"\$(\d+)", text))]) == len(params)

    carry_out(run)


def test_the_client_works_with_any_search_path(database: Database) -> None:
    # With this search path, a default that calls another schema's function is displayed like the right default.
    database.rows("CREATE SCHEMA theirs; GRANT USAGE ON SCHEMA theirs TO service")
    database.rows(
        "CREATE FUNCTION theirs.gen_random_uuid() RETURNS uuid LANGUAGE sql AS 'SELECT pg_catalog.gen_random_uuid()'"
    )
    settings = {"search_path": "theirs,pg_catalog"}

    async def run() -> None:
        async with opened("psycopg", database.name, most=1, settings=settings) as kind:
            client, va = kind.client(ring=RING), Provider()
            one = await sign_in(client, va)
            assert await client.session(one.jwt_id) is not None
            await client.check()
            database.rows("ALTER TABLE {sessions} ALTER id SET DEFAULT theirs.gen_random_uuid()")
            drifted = await raises("ERR_DRIFTED", client.check())
            assert any(each.object == "vetassist_sessions.id" for each in drifted.differences), drifted.differences
            with kind.pool.connection() as connection:
                assert connection.execute("SHOW search_path").fetchone() == ("theirs,pg_catalog",), (
                    "the search path is unchanged"
                )

    try:
        asyncio.run(run())
    finally:
        database.rows("ALTER TABLE {sessions} ALTER id SET DEFAULT gen_random_uuid()")


class Leaky(Exception):
    """A driver's error with values that the client's errors must not contain."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(f"{message}\nDETAIL: Key (va_icn)=(ICN 1)")
        self.sqlstate = sqlstate
        self.message = message
        self.detail = "Key (va_icn)=(ICN 1)"
        self.hint = self.where = "jane@example.com"


@pytest.mark.parametrize(
    ("sqlstate", "code", "retryable"),
    [
        ("VA001", "ERR_ACCOUNT_INACTIVE", False),
        ("23503", "ERR_NO_SUCH_USER", False),
        ("23505", "ERR_JWT_ID_USED", False),
        ("42501", "ERR_FORBIDDEN", False),
        ("42883", "ERR_NOT_INSTALLED", False),
        ("22023", "ERR_REFUSED", False),
        ("22P02", "ERR_REFUSED", False),
        ("F0000", "ERR_SERVER_KEYS", False),
        ("39000", "ERR_SERVER_KEYS", False),
        ("54000", "ERR_TOO_LARGE", False),
        ("25006", "ERR_DATABASE", True),
        ("53300", "ERR_DATABASE", True),
        ("57014", "ERR_DATABASE", True),
        ("55P03", "ERR_DATABASE", True),
        ("08001", "ERR_DATABASE", True),
        ("08006", "ERR_DATABASE", False),
        ("XX000", "ERR_DATABASE", False),
        ("22021", "ERR_DATABASE", False),
    ],
)
def test_errors_do_not_contain_the_drivers_message(
    carry_out: Callable[[Test], None], sqlstate: str, code: str, retryable: bool
) -> None:
    is_ours = sqlstate in ("22023", "42501", "54000", "23503")
    message = "a message of ours" if is_ours else 'value "ICN 1" of jane@example.com'

    async def run(kind: Kind, _: Database) -> None:
        client = kind.client(db=failing(kind, lambda: Leaky(sqlstate, message)), ring=RING)
        error = await raises(code, client.end_sessions(uuid.uuid4()), retryable=retryable, sqlstate=sqlstate)
        whole = repr((str(error), error, vars(error), error.__cause__, error.__context__))
        assert re.search("jane|ICN 1|Key|DETAIL", whole) is None, whole
        assert ("a message of ours" in str(error)) == is_ours

    carry_out(run)


@pytest.mark.parametrize(
    ("error", "retryable", "of_a_read"),
    [
        (ConnectionRefusedError("jane"), True, True),
        (ConnectionResetError("jane"), False, True),
        (BrokenPipeError("jane"), False, True),
        (psycopg.OperationalError("jane"), False, True),
        (asyncio.TimeoutError("jane"), False, True),
    ],
)
def test_after_a_broken_connection_only_calls_that_changed_nothing_are_retryable(
    carry_out: Callable[[Test], None], error: Exception, retryable: bool, of_a_read: bool
) -> None:
    async def run(kind: Kind, _: Database) -> None:
        client = kind.client(db=failing(kind, lambda: error), ring=RING)
        change = await raises("ERR_DATABASE", client.end_sessions(uuid.uuid4()), retryable=retryable, sqlstate=None)
        read = await raises("ERR_DATABASE", client.user(uuid.uuid4()), retryable=of_a_read)
        assert "jane" not in f"{change!r}{read!r}" and type(error).__name__ in f"{change}" or "(E" in f"{change}"

    carry_out(run)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg-async", "psycopg", "psycopg2"])
def test_a_pool_without_a_free_connection_is_a_retryable_error(driver: str, database: Database) -> None:
    async def run() -> None:
        async with opened(driver, database.name, most=1, wait_seconds=0.2) as kind:
            client = kind.client(ring=RING)
            await client.user(uuid.uuid4())
            if driver == "asyncpg":
                # asyncpg's pool waits without limit for a connection in use, so the pool is closed instead.
                await kind.pool.close()
                await raises("ERR_DATABASE", client.end_sessions(uuid.uuid4()), retryable=True)
                return
            taken = kind.pool.getconn()
            connection = await taken if driver in ASYNC else taken
            # No statement was sent, so the call may be repeated.
            try:
                await raises("ERR_DATABASE", client.end_sessions(uuid.uuid4()), retryable=True)
            finally:
                given = kind.pool.putconn(connection)
                if driver in ASYNC:
                    await given

    asyncio.run(run())


def test_a_serialization_failure_is_retried_outside_a_transaction(carry_out: Callable[[Test], None]) -> None:
    async def run(kind: Kind, _: Database) -> None:
        told: list[Any] = []
        colliding = failing(kind, lambda: Leaky("40001", "x"), 3)
        client = kind.client(db=colliding, ring=RING, on_event=told.append)
        assert await client.user(uuid.uuid4()) is None
        assert [event.attempt for event in told if isinstance(event, StatementEvent)] == [1, 2, 3, 4]
        # In the caller's transaction a single statement cannot be repeated.
        told.clear()
        within = client.within(failing(kind, lambda: Leaky("40001", "x"), 3))
        await raises("ERR_DATABASE", within.user(uuid.uuid4()), retryable=True, sqlstate="40001")
        assert len(told) == 1
        lasting = kind.client(db=failing(kind, lambda: Leaky("40P01", "x")), ring=RING, on_event=told.append)
        await raises("ERR_DATABASE", lasting.user(uuid.uuid4()), retryable=True)
        assert len(told) == 7, "the number of attempts is limited"

    carry_out(run)


def test_a_sign_in_uses_an_account_that_was_created_meanwhile(carry_out: Callable[[Test], None]) -> None:
    async def run(kind: Kind, database: Database) -> None:
        done: list[bool] = []
        raced, va = icn(), Provider()

        def race(text: str, _: Any) -> None:
            if "vetassist_find_user" in text and not done:
                done.append(True)
                database.rows("INSERT INTO {users} (va_icn) VALUES (%s)", [raced])

        tokens = va.issue()
        winner = await sign_in(kind.client(db=between(kind, after=race), ring=RING), va, va_icn=raced, tokens=tokens)
        client = kind.client(ring=RING, refresh=va.refresh)
        assert (await client.access_token(winner.user_id)).token == tokens["access_token"], "they open for the account"
        assert database.rows("SELECT id FROM {users} WHERE va_icn = %s", [raced]) == [(winner.user_id,)]

    carry_out(run)


def test_an_unsealed_token_is_refused_by_the_database(carry_out: Callable[[Test], None]) -> None:
    jwt = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl"

    class Careless:
        def fingerprints(self) -> list[str]:
            return RING.fingerprints()

        def encrypt_token(self, _token: str, _user_id: str) -> bytes:
            return jwt.encode()

    async def run(kind: Kind, _: Database) -> None:
        one = await sign_in(kind.client(ring=RING), Provider())
        careless = kind.client(ring=Careless(), ip_hash="sha256")
        refused = await raises("ERR_REFUSED", careless.store_tokens(one.user_id, Provider().issue()))
        assert "eyJ" not in str(refused), "the error contains a part of the token"

    carry_out(run)


def test_a_freed_ring_is_reported_as_freed(carry_out: Callable[[Test], None]) -> None:
    async def run(kind: Kind, _: Database) -> None:
        va = Provider()
        one = await sign_in(kind.client(ring=RING), va)
        freed = vetassist.KeyRing(KEYS)
        client = kind.client(ring=freed, refresh=va.refresh)
        freed.free()
        # The error must not be ERR_SIGN_IN_AGAIN, which would ask the veteran to sign in.
        await raises("ERR_FREED", client.access_token(one.user_id))

    carry_out(run)


def test_invalid_options_and_arguments_are_refused(carry_out: Callable[[Test], None]) -> None:
    async def run(kind: Kind, _: Database) -> None:
        wrongs: list[dict[str, Any]] = [
            {"db": object()},
            {"db": "postgres://"},
            {"ring": "key"},
            {"schema": ""},
            {"ip_hash": "md5"},
            {"on_bad_address": "ignore"},
            {"refresh_timeout_seconds": 0},
            {"refresh_timeout_seconds": float("nan")},
            {"default_lifetime_seconds": -1},
            {"on_event": 1},
        ]
        for wrong in wrongs:
            with pytest.raises(vetassist.InvalidTypeError):
                kind.client(**{"ring": RING, **wrong})
        client, va = kind.client(ring=RING), Provider()
        await raises("ERR_INVALID_ARG_TYPE", client.access_token(uuid.uuid4()))
        await raises("ERR_INVALID_ARG_TYPE", sign_in(client, va, tokens={"access_token": ""}))
        await raises("ERR_INVALID_ARG_TYPE", sign_in(client, va, tokens={**va.issue(), "expires_in": "soon"}))
        await raises("ERR_INVALID_ARG_TYPE", sign_in(client, va, tokens=va.issue()["access_token"]))
        await raises("ERR_INVALID_ARG_TYPE", client.sign_in(icn(), va.issue(), session_seconds=float("nan")))
        await raises("ERR_INVALID_ARG_TYPE", sign_in(client, va, va_icn=1))
        assert await sign_in(client, va, tokens={**va.issue(), "expires_in": "60"}), "some endpoints send text"

    carry_out(run)
