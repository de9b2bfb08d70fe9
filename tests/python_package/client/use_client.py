"""Uses the clients as services do. mypy and pyright report exactly the lines that are marked as wrong."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import httpx
import psycopg
import psycopg2
import psycopg2.pool
import psycopg_pool
import vetassist
import vetassist.aio
from vetassist.client import Account, ClientEvent, RefreshContext, RefreshEvent, TokenResponse, client_address

RING = vetassist.KeyRing([vetassist.generate_key()])


def refresh(token: str, about: RefreshContext) -> TokenResponse:
    return {"access_token": token, "expires_in": about.timeout_seconds}


async def refresh_async(token: str, about: RefreshContext) -> TokenResponse:
    return refresh(token, about)


def hear(event: ClientEvent) -> None:
    if isinstance(event, RefreshEvent):
        print(event.outcome, event.user_id)


def over_psycopg(
    pool: psycopg_pool.ConnectionPool[Any],
    connection: psycopg.Connection[Any],
    old: psycopg2.pool.ThreadedConnectionPool,
) -> vetassist.Client:
    vetassist.Client(connection).within(connection)
    vetassist.Client(old, ring=RING).within(psycopg2.connect(""))
    return vetassist.Client(pool, ring=RING, refresh=refresh, on_event=hear)


def over_asyncpg(
    pool: asyncpg.Pool[Any], connection: asyncpg.Connection[Any], other: psycopg_pool.AsyncConnectionPool[Any]
) -> vetassist.aio.Client:
    vetassist.aio.Client(connection).within(connection)
    vetassist.aio.Client(other, ring=RING)
    return vetassist.aio.Client(pool, ring=RING, refresh=refresh_async, on_event=hear)


def blocking(client: vetassist.Client, headers: httpx.Headers) -> None:
    ip = client_address(headers, "x-real-ip")
    user_id: UUID = client.sign_in("ICN", {"access_token": "x", "expires_in": 60}, session_seconds=60, ip=ip).user_id
    found: Account | None = client.user(user_id)
    response: httpx.Response = client.with_token(
        user_id, lambda token: httpx.get("https://va.example", auth=("", token))
    )
    print(found, response, client.access_token(user_id, refresh).expires_at)
    client.within(object()).access_token(user_id)  # type: ignore
    client.sign_in("ICN", {"access_token": "x"})  # type: ignore
    client.user(7)  # type: ignore
    client.access_token(user_id, refresh_async)  # type: ignore


async def asynchronous(client: vetassist.aio.Client, http: httpx.AsyncClient) -> None:
    session = await client.session("jwt")
    if session is not None:
        response: httpx.Response = await client.with_token(session.user_id, http.get)
        print(session.account.email, response)
    client.session("jwt").user_id  # type: ignore
    await client.with_token("id", httpx.get)  # type: ignore
    await client.access_token("id", refresh)  # type: ignore


def wrong(pool: asyncpg.Pool[Any], connection: psycopg.AsyncConnection[Any], other: psycopg.Connection[Any]) -> None:
    vetassist.Client("postgres://")  # type: ignore
    vetassist.Client(pool)  # type: ignore
    vetassist.Client(connection)  # type: ignore
    vetassist.aio.Client(other)  # type: ignore
    vetassist.aio.Client(pool, refresh=refresh)  # type: ignore
