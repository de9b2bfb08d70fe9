"""Tests hostile arguments: each parameter of each operation with values of every wrong type and size. The client raises one of
its own errors, or the call succeeds. The database never has to refuse what the client could have seen."""

from __future__ import annotations

import inspect
import time
import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Iterator

import databases
import psycopg_pool
import pytest
import vetassist
from databases import SERVICE, SOCKET, Database
from provider import Provider
from test_client_rules import icn

HUGE = 10**400
WRONG: list[Any] = [
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    HUGE,
    -HUGE,
    0.5,
    float("nan"),
    float("inf"),
    -float("inf"),
    "",
    "\0",
    "\ud800",
    "'; SELECT 'hostile",
    "%s %(p1)s $1 hostile",
    "hostile" * 10_000,
    b"hostile",
    bytearray(b"hostile"),
    [],
    ["hostile\0"],
    {"hostile": {"\ud800": 1}},
    {"access_token": "hostile", "expires_in": HUGE},
    {"access_token": "hostile", "expires_in": "9" * 400},
    {"access_token": "\ud800", "expires_in": 5},
    set(),
    object(),
    uuid.UUID(int=7),
    datetime(2026, 1, 1),
    timedelta(1),
    Decimal(1),
    1j,
]
OPERATIONS = sorted(name for name in dir(vetassist.Client) if not name.startswith("_"))


class Answer:
    status_code = 200


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with databases.made("arguments") as database:
        yield database


@pytest.fixture(scope="module", params=[True, False], ids=["sealed here", "sealed by the server"])
def client(request: Any, database: Database) -> Iterator[vetassist.Client]:
    ring = vetassist.KeyRing(databases.SERVER_KEYS) if request.param else None
    about = {"host": SOCKET, "user": SERVICE, "dbname": database.name}
    with psycopg_pool.ConnectionPool(kwargs=about, min_size=1, max_size=5, open=True) as pool:
        yield vetassist.Client(pool, ring=ring, refresh=Provider().refresh, refresh_timeout_seconds=1)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_refuses_hostile_arguments_with_an_error_of_its_own(
    operation: str, client: vetassist.Client
) -> None:
    va = Provider()
    method = getattr(client, operation)
    parameters = list(inspect.signature(method).parameters.values())
    for parameter in parameters:
        one = client.sign_in(icn(), va.issue(), session_seconds=60)
        for wrong in WRONG:
            good: dict[str, Any] = {
                "va_icn": icn(),
                "tokens": va.issue(),
                "session_seconds": 60,
                "user_id": one.user_id,
                "jwt_id": str(uuid.uuid4()),
                "event_type": "looked_at",
                "is_active": True,
                "request": lambda _token: Answer(),
                "connection": None,
            }
            given = {each.name: good[each.name] for each in parameters if each.default is each.empty}
            if operation == "end_session":
                given["jwt_id"] = one.jwt_id
            given[parameter.name] = wrong
            about = (operation, parameter.name, repr(wrong)[:60])
            started = time.monotonic()
            try:
                method(**given)
            except vetassist.VetassistError as error:
                assert error.code not in ("ERR_DATABASE", "ERR_INTERNAL"), about
                said = f"{error} {error.args!r}"
                assert "hostile" not in said and "9" * 20 not in said, about
                assert error.__context__ is None or error.__suppress_context__, about
            assert time.monotonic() - started < 5, about
