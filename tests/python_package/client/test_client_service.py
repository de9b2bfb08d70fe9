"""Runs the service with each driver, each side sealing the tokens, and each kind of installation."""

from __future__ import annotations

import asyncio
from typing import Any

import databases
import pytest
import service
import vetassist
from kinds import opened

HERE = vetassist.KeyRing([vetassist.generate_key()])

RUNS = [
    ("asyncpg", False, HERE),
    ("psycopg-async", False, HERE),
    ("psycopg", False, HERE),
    ("psycopg2", False, HERE),
    ("asyncpg", False, None),
    ("psycopg", False, None),
    ("psycopg-async", True, HERE),
    ("psycopg2", True, HERE),
]


@pytest.mark.parametrize(("driver", "is_plain", "ring"), RUNS)
def test_the_service_works_with_each_driver_and_installation(driver: str, is_plain: bool, ring: Any) -> None:
    async def run() -> None:
        with databases.made("service", is_plain=is_plain) as database:
            options = {"schema": database.schema, **({} if ring is None else {"ring": ring})}
            async with opened(driver, database.name) as kind:
                await service.run(kind, database, options)

    asyncio.run(asyncio.wait_for(run(), 120))
