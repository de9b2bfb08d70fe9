"""Reads rows of the tables, and compares the database with its description, through real drivers."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime, timezone
from typing import Any, Iterator

import asyncpg
import databases
import psycopg
import psycopg2
import psycopg2.extras
import pytest
import sqlalchemy
from databases import SOCKET, Database
from psycopg.rows import dict_row, namedtuple_row

import vetassist

RING = vetassist.KeyRing([vetassist.generate_key()])
USER = uuid.uuid4()
EXPIRES = datetime(2026, 3, 1, 12, 34, 56, 500_000, timezone.utc)
PARSE = {
    "users": vetassist.parse_user,
    "va_tokens": vetassist.parse_va_token,
    "sessions": vetassist.parse_session,
    "auth_audit": vetassist.parse_auth_audit,
}
#: As the README says for psycopg and psycopg2.
WITH_FORMAT = vetassist.SCHEMA_QUERY.replace("%", "%%").replace("$1", "%(schema)s")


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with databases.made("rows") as made:
        made.rows("INSERT INTO {users} (id, va_icn, email) VALUES (%s, 'the ICN', 'a@b')", [USER])
        made.rows(
            "INSERT INTO {va_tokens} (user_id, access_token_encrypted, expires_at) VALUES (%s, %s, %s)",
            [USER, RING.encrypt_token("the token", USER), EXPIRES],
        )
        made.rows(
            """INSERT INTO {sessions} (user_id, jwt_id, device_info, expires_at) VALUES (%s, 'jti', '{{"a": [1]}}', now())""",
            [USER],
        )
        made.rows(
            """INSERT INTO {auth_audit} (user_id, event_type, event_data, ip_hash) VALUES (%s, 'x', '{{"a": 1}}', %s)""",
            [USER, vetassist.hash_ip("::1")],
        )
        yield made


def query(table: str) -> str:
    return f"SELECT * FROM vetassist_{table} WHERE {'id' if table == 'users' else 'user_id'} = '{USER}'"


async def of_asyncpg(database: Database, statements: list[str]) -> list[Any]:
    connection = await asyncpg.connect(host=SOCKET, user="postgres", database=database.name)
    try:
        return [await connection.fetchrow(statement) for statement in statements]
    finally:
        await connection.close()


def of_psycopg(database: Database, statements: list[str], factory: Any, **more: Any) -> list[Any]:
    with databases.connect(database.name) as connection:
        return [connection.cursor(row_factory=factory, **more).execute(text.encode()).fetchone() for text in statements]


def of_psycopg2(database: Database, statements: list[str], factory: Any) -> list[Any]:
    connection = psycopg2.connect(host=SOCKET, user="postgres", dbname=database.name)
    try:
        found = []
        for statement in statements:
            cursor = connection.cursor(cursor_factory=factory)
            cursor.execute(statement)
            found.append(cursor.fetchone())
        return found
    finally:
        connection.close()


def of_sqlalchemy(database: Database, statements: list[str]) -> list[Any]:
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://postgres@/{database.name}?host={SOCKET}")
    with engine.connect() as connection:
        found = [connection.execute(sqlalchemy.text(statement)).one() for statement in statements]
    engine.dispose()
    return found


DRIVERS: dict[str, Any] = {
    "asyncpg": lambda *given: asyncio.run(of_asyncpg(*given)),
    "psycopg": lambda *given: of_psycopg(*given, dict_row),
    "psycopg in binary": lambda *given: of_psycopg(*given, dict_row, binary=True),
    "psycopg2, RealDictCursor": lambda *given: of_psycopg2(*given, psycopg2.extras.RealDictCursor),
    "psycopg2, DictCursor": lambda *given: of_psycopg2(*given, psycopg2.extras.DictCursor),
    "sqlalchemy": lambda *given: [row._mapping for row in of_sqlalchemy(*given)],
}


@pytest.mark.parametrize("driver", DRIVERS)
def test_rows_of_each_driver_are_read(database: Database, driver: str) -> None:
    rows = DRIVERS[driver](database, [query(table) for table in PARSE])
    user, token, session, event = (parse(row) for parse, row in zip(PARSE.values(), rows))
    assert (type(user.id), user.id, user.va_icn, user.is_active) == (uuid.UUID, USER, "the ICN", True)
    assert (type(token.access_token_encrypted), token.expires_at) == (bytes, EXPIRES)
    assert RING.decrypt_token(token.access_token_encrypted, token.user_id) == "the token"
    # asyncpg returns JSON as text.
    assert session.device_info in ({"a": [1]}, '{"a": [1]}') and (session.user_id, session.jwt_id) == (USER, "jti")
    assert event.event_data in ({"a": 1}, '{"a": 1}') and (type(event.id), event.ip_hash) == (int, vetassist.hash_ip("::1"))


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg2, RealDictCursor", "psycopg2, DictCursor"])
@pytest.mark.parametrize("value", ["infinity", "-infinity"])
def test_an_infinite_time_is_refused(database: Database, driver: str, value: str) -> None:
    """psycopg itself refuses it."""
    text = query("va_tokens").replace("*", f"*, '{value}'::timestamptz AS expires_at")
    (row,) = DRIVERS[driver](database, [text])
    with pytest.raises(vetassist.InvalidValueError) as caught:
        vetassist.parse_va_token({**dict(row), "expires_at": row["expires_at"]})
    assert caught.value.code == "ERR_INVALID_ROW" and "9999" not in str(caught.value)


def test_rows_without_names_are_refused_with_a_hint(database: Database) -> None:
    rows = of_psycopg(database, [query("users")], namedtuple_row) + of_psycopg2(database, [query("users")], None)
    for row in rows + of_sqlalchemy(database, [query("users")]):
        with pytest.raises(vetassist.InvalidTypeError, match="dict_row.*_mapping"):
            vetassist.parse_user(row)


async def schema_of_asyncpg(database: Database) -> list[Any]:
    connection = await asyncpg.connect(host=SOCKET, user="postgres", database=database.name)
    try:
        return list(await connection.fetch(vetassist.SCHEMA_QUERY, "public"))
    finally:
        await connection.close()


def test_each_driver_compares_the_schema(database: Database) -> None:
    database.rows("ALTER TABLE {users} ADD COLUMN more text")
    try:
        found = [asyncio.run(schema_of_asyncpg(database))]
        with databases.connect(database.name) as connection:
            found.append(psycopg.RawCursor(connection).execute(vetassist.SCHEMA_QUERY.encode(), ["public"]).fetchall())
            found += [
                connection.cursor(row_factory=factory).execute(WITH_FORMAT.encode(), {"schema": "public"}).fetchall()
                for factory in (None, dict_row, namedtuple_row)
            ]
        connection = psycopg2.connect(host=SOCKET, user="postgres", dbname=database.name)
        cursor = connection.cursor()
        cursor.execute(WITH_FORMAT, {"schema": "public"})
        found.append(cursor.fetchall())
        connection.close()
        engine = sqlalchemy.create_engine(f"postgresql+psycopg://postgres@/{database.name}?host={SOCKET}")
        with engine.connect() as alchemy:
            found.append(list(alchemy.exec_driver_sql(WITH_FORMAT, {"schema": "public"}).all()))
            found.append(list(alchemy.exec_driver_sql(WITH_FORMAT, {"schema": "public"}).mappings().all()))
        engine.dispose()
    finally:
        database.rows("ALTER TABLE {users} DROP COLUMN more")
    for rows in found:
        assert [(one.object, one.problem) for one in vetassist.check_schema(rows)] == [("vetassist_users.more", "extra")]
