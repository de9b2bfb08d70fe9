"""The backend's sign-in service on asyncpg. The database seals.

Before, the service had the master key, derived each user's key, sealed both tokens with `cryptography`, hashed the
address, and wrote four tables. Now `vetassist_login` does that in one statement. Only the server has the key, the
service has no cryptography, and its role needs no privilege on a table:

    SELECT vetassist_grant('backend', 'app');

The tokens that it stored before still open, because the bytes are the same. The ring must have the same master key.
"""

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import asyncpg

SESSION_LIFETIME = timedelta(hours=8)
# How long a caller waits for another one's refresh.
PATIENCE_SECONDS = 10.0

log = logging.getLogger(__name__)


class AccountInactive(Exception):
    """The account exists and is not active."""


@dataclass(frozen=True)
class Tokens:
    """The response of VA.gov's token endpoint."""

    access_token: str
    expires_at: datetime
    refresh_token: str | None = None
    scope: str | None = None

    @classmethod
    def from_response(cls, response: dict) -> "Tokens":
        expires_at = datetime.now(timezone.utc) + timedelta(seconds=response["expires_in"])
        return cls(response["access_token"], expires_at, response.get("refresh_token"), response.get("scope"))


# Exchanges a refresh token at VA.gov. Its error may have the OAuth error code as `code`.
Refresh = Callable[[str], Awaitable[Tokens]]


@dataclass(frozen=True)
class SignedIn:
    user_id: uuid.UUID
    session_id: uuid.UUID
    jwt_id: str


class Service:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def sign_in(
        self, va_icn: str, tokens: Tokens, ip: str, device_info: dict | None = None, **profile: str
    ) -> SignedIn:
        """Stores the user, the tokens, the session and the audit row.

        `profile` may have veteran_status, email, first_name and last_name.
        """
        jwt_id = str(uuid.uuid4())
        try:
            row = await self._pool.fetchrow(
                "SELECT user_id, session_id FROM vetassist_login("
                " $1, $2, $3, $4, $5, refresh_token => $6, scope => $7, device_info => $8, ip => $9,"
                " veteran_status => $10, email => $11, first_name => $12, last_name => $13)",
                va_icn, tokens.access_token, tokens.expires_at, jwt_id,
                datetime.now(timezone.utc) + SESSION_LIFETIME, tokens.refresh_token, tokens.scope,
                json.dumps(device_info) if device_info is not None else None, ip,
                *(profile.get(name) for name in ("veteran_status", "email", "first_name", "last_name")),
            )
        except asyncpg.PostgresError as error:
            if error.sqlstate != "VA001":
                raise
            # The error rolled the audit row of the sign-in back, so the refusal is logged in a statement of its own.
            user_id = uuid.UUID(error.detail.removeprefix("user_id "))
            await self._pool.execute("SELECT vetassist_log_event('login_refused', $1, NULL, $2)", user_id, ip)
            raise AccountInactive(str(user_id)) from None
        return SignedIn(row["user_id"], row["session_id"], jwt_id)

    async def is_signed_in(self, jwt_id: str) -> bool:
        """Returns true if the session of a JWT is active. Ask at each request."""
        return await self._pool.fetchval("SELECT vetassist_session_active($1)", jwt_id)

    async def sign_out(self, jwt_id: str, user_id: uuid.UUID) -> bool:
        """Returns true if there was a session to end."""
        return await self._pool.fetchval("SELECT vetassist_revoke_session($1, $2)", jwt_id, user_id)

    async def access_token(self, user_id: uuid.UUID, refresh: Refresh) -> str | None:
        """Returns an opened token for a call to VA.gov; do not keep or log it. Returns None if the veteran must sign in again.

        `refresh` exchanges a refresh token at VA.gov; only one caller at a time calls it, and the others wait.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = await self._pool.fetchrow(
                "SELECT *, extract(epoch FROM retry_at - clock_timestamp())::float8 AS wait FROM vetassist_use_token($1)",
                user_id,
            )
            if found["state"] == "refresh":
                await self._exchange(user_id, found, refresh)
            elif found["access_token"] is not None or found["state"] != "wait":
                return found["access_token"]
            elif time.monotonic() + found["wait"] > deadline:
                raise TimeoutError("VA.gov does not renew the token at present")
            else:
                await asyncio.sleep(max(found["wait"], 0.02))

    async def refresh_due(self, refresh: Refresh) -> int:
        """Refreshes the tokens that expire within five minutes, and returns their number.

        Any number of workers may run at once; they get different tokens. If a refresh fails, it is logged and tried again
        later, or never after a final error.
        """
        renewed: set[uuid.UUID] = set()

        async def once(refresh_token: str) -> Tokens:
            if lease["user_id"] in renewed:
                raise ValueError("VA.gov gives tokens that expire at once")
            return await refresh(refresh_token)

        # An exchange begins as soon as its lease is taken: after the lease, another worker would present the same token.
        while lease := await self._pool.fetchrow("SELECT * FROM vetassist_claim_refreshes(max_rows => 1)"):
            if await self._exchange(lease["user_id"], lease, once) == "stored":
                renewed.add(lease["user_id"])
        return len(renewed)

    async def _exchange(self, user_id: uuid.UUID, lease: asyncpg.Record, refresh: Refresh) -> str:
        """Exchanges a leased refresh token.

        Each statement is a transaction of its own: the lease is committed before VA.gov is asked, and no lock is held
        meanwhile.
        """
        try:
            tokens = await refresh(lease["refresh_token"])
        except Exception as error:
            log.warning("the tokens of user %s were not renewed: %s", user_id, type(error).__name__)
            code = getattr(error, "code", "other")
            await self._pool.fetch(
                "SELECT * FROM vetassist_fail_refresh($1, $2, $3)", lease["lease_id"], code, code == "invalid_grant"
            )
            return "failed"
        return await self._pool.fetchval(
            "SELECT vetassist_finish_refresh($1, $2, $3, $4, scope => $5)",
            lease["lease_id"], tokens.access_token, tokens.expires_at, tokens.refresh_token, tokens.scope,
        )
