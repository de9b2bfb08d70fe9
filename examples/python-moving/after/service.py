"""The backend's sign-in service after the move. This is the second step.

The client seals with the ring, and its role needs no privilege on a table:

    SELECT vetassist_grant('backend', 'app');
"""

import uuid
from typing import Any, Awaitable, Callable

import asyncpg
import vetassist.aio
from token_crypto import ring
from vetassist.client import RefreshContext

SESSION_SECONDS = 8 * 3600
Refresh = Callable[[str], Awaitable[dict[str, Any]]]


class Service:
    def __init__(self, pool: asyncpg.Pool, refresh: Refresh) -> None:
        async def exchange(token: str, _: RefreshContext) -> dict[str, Any]:
            return await refresh(token)

        # The backend has stored plain hashes so far. Use `keyed` after the stored hashes were upgraded.
        self._vetassist = vetassist.aio.Client(pool, ring=ring(), refresh=exchange, ip_hash="sha256")

    async def sign_in(self, va_icn: str, tokens: dict[str, Any], ip: str) -> tuple[uuid.UUID, str]:
        signed_in = await self._vetassist.sign_in(va_icn, tokens, session_seconds=SESSION_SECONDS, ip=ip)
        return signed_in.user_id, signed_in.jwt_id

    async def access_token(self, user_id: uuid.UUID) -> str:
        return (await self._vetassist.access_token(user_id)).token

    async def is_signed_in(self, jwt_id: str) -> bool:
        return await self._vetassist.session(jwt_id) is not None

    async def sign_out(self, jwt_id: str, user_id: uuid.UUID) -> bool:
        return await self._vetassist.end_session(user_id, jwt_id=jwt_id)
