"""The backend's sign-in service before the move: it seals by hand, and writes the four tables with statements of its own.

It has three weaknesses. A sign-in of an inactive account is not logged. Times are by the backend's clock. Two workers may
exchange the same expired token; the provider then treats it as stolen, and the veteran must sign in again.
"""

import uuid
from datetime import datetime, timedelta, timezone
from typing import Any, Awaitable, Callable, Optional

import asyncpg
from token_crypto import decrypt_token, encrypt_token, hash_ip

SESSION_LIFETIME = timedelta(hours=8)
Refresh = Callable[[str], Awaitable[dict[str, Any]]]


class Service:
    def __init__(self, pool: asyncpg.Pool, refresh: Refresh) -> None:
        self._pool = pool
        self._refresh = refresh

    async def sign_in(self, va_icn: str, tokens: dict[str, Any], ip: str) -> tuple[uuid.UUID, str]:
        jwt_id = str(uuid.uuid4())
        async with self._pool.acquire() as db, db.transaction():
            user_id = await db.fetchval(
                "INSERT INTO vetassist_users (va_icn, last_login_at) VALUES ($1, now())"
                " ON CONFLICT (va_icn) DO UPDATE SET last_login_at = now() RETURNING id",
                va_icn,
            )
            await self._store(db, user_id, tokens)
            await db.execute(
                "INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at) VALUES ($1, $2, $3)",
                user_id, jwt_id, datetime.now(timezone.utc) + SESSION_LIFETIME,
            )
            await db.execute(
                "INSERT INTO vetassist_auth_audit (user_id, event_type, ip_hash) VALUES ($1, 'login', $2)",
                user_id, hash_ip(ip),
            )
        return user_id, jwt_id

    async def _store(self, db: Any, user_id: uuid.UUID, tokens: dict[str, Any]) -> None:
        refresh_token: Optional[str] = tokens.get("refresh_token")
        await db.execute(
            "INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, expires_at)"
            " VALUES ($1, $2, $3, $4) ON CONFLICT (user_id) DO UPDATE SET"
            " access_token_encrypted = excluded.access_token_encrypted,"
            " refresh_token_encrypted = excluded.refresh_token_encrypted, expires_at = excluded.expires_at",
            user_id,
            encrypt_token(tokens["access_token"], str(user_id)),
            encrypt_token(refresh_token, str(user_id)) if refresh_token else None,
            datetime.now(timezone.utc) + timedelta(seconds=tokens["expires_in"]),
        )

    async def access_token(self, user_id: uuid.UUID) -> str:
        row = await self._pool.fetchrow("SELECT * FROM vetassist_va_tokens WHERE user_id = $1", user_id)
        if row["expires_at"] > datetime.now(timezone.utc):
            return decrypt_token(row["access_token_encrypted"], str(user_id))
        tokens = await self._refresh(decrypt_token(row["refresh_token_encrypted"], str(user_id)))
        await self._store(self._pool, user_id, tokens)
        access_token: str = tokens["access_token"]
        return access_token

    async def is_signed_in(self, jwt_id: str) -> bool:
        return await self._pool.fetchval(
            "SELECT EXISTS (SELECT FROM vetassist_sessions WHERE jwt_id = $1 AND revoked_at IS NULL AND expires_at > now())",
            jwt_id,
        )

    async def sign_out(self, jwt_id: str, user_id: uuid.UUID) -> bool:
        found = await self._pool.fetchval(
            "UPDATE vetassist_sessions SET revoked_at = now() WHERE jwt_id = $1 AND user_id = $2 AND revoked_at IS NULL"
            " RETURNING true",
            jwt_id, user_id,
        )
        return found is True
