"""Creates databases on the test server, and connects drivers to them."""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from typing import Any, Iterator, Optional, Sequence

import psycopg

SOCKET = os.environ["VETASSIST_TEST_SOCKET"]
#: The server's ring.
SERVER_KEYS = os.environ["VETASSIST_TEST_RING"].split(",")
PLAIN = os.environ["VETASSIST_TEST_PLAIN"]
SERVICE = "service"


def connect(database: str, user: str = "postgres", **more: Any) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(host=SOCKET, user=user, dbname=database, autocommit=True, **more)


class Database:
    """A database with vetassist, and a connection of its owner."""

    def __init__(self, name: str, admin: psycopg.Connection[tuple[Any, ...]], schema: str) -> None:
        self.name = name
        self.admin = admin
        self.schema = schema

    def table(self, name: str) -> str:
        return f"{self.schema}.vetassist_{name}"

    def rows(self, text: str, params: Optional[Sequence[Any]] = None) -> list[tuple[Any, ...]]:
        """Reads and changes the tables as their owner. `{name}` is a table."""
        cursor = self.admin.execute(text.format_map(_Tables(self)), params)
        return cursor.fetchall() if cursor.description is not None else []

    def value(self, text: str, params: Optional[Sequence[Any]] = None) -> Any:
        return self.rows(text, params)[0][0]

    def expire(self, user_id: uuid.UUID, seconds: float = 0) -> None:
        """Makes a user's access token expire this number of seconds from now."""
        self.rows(
            "UPDATE {va_tokens} SET expires_at = now() + %s * interval '1 second' WHERE user_id = %s",
            [seconds, user_id],
        )

    def events_of(self, user_id: uuid.UUID) -> list[str]:
        return [
            row[0] for row in self.rows("SELECT event_type FROM {auth_audit} WHERE user_id = %s ORDER BY id", [user_id])
        ]


class _Tables(dict):  # type: ignore[type-arg]
    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database

    def __missing__(self, name: str) -> str:
        return self._database.table(name)


def make_roles() -> None:
    with connect("postgres") as first:
        for role in (SERVICE, "plain_owner"):
            if first.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
                first.execute(f"CREATE ROLE {role} LOGIN")


@contextmanager
def made(name: str, *, is_plain: bool = False) -> Iterator[Database]:
    """Creates a database, and closes its owner's connection at the end."""
    database = _make(name, is_plain=is_plain)
    with database.admin:
        yield database


def _make(name: str, *, is_plain: bool) -> Database:
    """Creates a database, either with the extension or with the plain installation by a role that is not a superuser."""
    name = f"{name}_{uuid.uuid4().hex[:8]}"
    with connect("postgres") as first:
        first.execute(f"CREATE DATABASE {name} OWNER {'plain_owner' if is_plain else 'postgres'}")
    if is_plain:
        admin = connect(name, "plain_owner")
        admin.execute("CREATE SCHEMA sealed; SELECT set_config('vetassist_plain.schema', 'sealed', false)")
        with open(PLAIN, encoding="utf-8") as plain:
            admin.execute(plain.read().encode())
        admin.execute(
            f"SELECT sealed.vetassist_grant('{SERVICE}', 'app'), sealed.vetassist_grant('{SERVICE}', 'admin')"
        )
        return Database(name, admin, "sealed")
    admin = connect(name)
    admin.execute(
        f"CREATE EXTENSION vetassist; SELECT vetassist_grant('{SERVICE}', 'app'), vetassist_grant('{SERVICE}', 'admin')"
    )
    return Database(name, admin, "public")
