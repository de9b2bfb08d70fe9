"""A service on FastAPI, from the sign-in at VA.gov to the erasure, over asyncpg.

    DATABASE=postgres://… VA_ORIGIN=… VA_API=… CLIENT_ID=… COOKIE_KEY=… VETASSIST_KEYS=… uvicorn service:app --workers 8

VETASSIST_KEYS is the ring, one key of 64 digits on each line. Without it the database's server seals, and all other code is
the same. COOKIE_KEY has 64 digits. Any number of workers may run: leases ensure that each refresh token is exchanged once.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import os
import secrets
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any, AsyncIterator
from urllib.parse import urlencode

import asyncpg
import httpx
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from vetassist import Key, KeyRing, VetassistError
from vetassist.aio import Client
from vetassist.client import (
    AccountInactiveError,
    ActiveSession,
    ForwardedFor,
    RefreshContext,
    SignInAgainError,
    TokenEndpointError,
    client_address,
)

A_DAY = 86_400
REFRESH_EVERY_SECONDS = 60
# There is one proxy before the service.
ADDRESS = ForwardedFor(trusted_hops=1)

log = logging.getLogger("uvicorn.error")
cookies = Key(bytes.fromhex(os.environ["COOKIE_KEY"]))


class Va:
    """The endpoints of VA.gov."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.origin = os.environ["VA_ORIGIN"]
        self.client_id = os.environ["CLIENT_ID"]

    async def ask(self, path: str, **form: str) -> dict[str, Any]:
        response = await self._http.post(f"{self.origin}{path}", data={"client_id": self.client_id, **form})
        answer: dict[str, Any] = response.json() if response.content else {}
        if response.is_error:
            raise TokenEndpointError(answer.get("error", "other"))
        return answer

    async def refresh(self, refresh_token: str, _: RefreshContext) -> dict[str, Any]:
        return await self.ask("/token", grant_type="refresh_token", refresh_token=refresh_token)

    async def records(self, token: str) -> httpx.Response:
        return await self._http.get(os.environ["VA_API"], headers={"Authorization": f"Bearer {token}"})


async def keep_fresh(vetassist: Client) -> None:
    """Refreshes tokens that expire soon, so that requests need not wait."""
    while True:
        try:
            while (await vetassist.refresh_expiring()).more:
                pass
        except VetassistError as error:
            log.warning("refreshing ahead failed: %s", error)
        await asyncio.sleep(REFRESH_EVERY_SECONDS)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    keys = os.environ.get("VETASSIST_KEYS")
    async with asyncpg.create_pool(os.environ["DATABASE"], min_size=1, max_size=5) as pool:
        async with httpx.AsyncClient(timeout=8) as http:
            app.state.va = Va(http)
            app.state.vetassist = Client(pool, ring=KeyRing.parse(keys) if keys else None, refresh=app.state.va.refresh)
            # The service does not start if the database differs from its description.
            await app.state.vetassist.check()
            fresh = asyncio.create_task(keep_fresh(app.state.vetassist))
            yield
            fresh.cancel()
            with suppress(asyncio.CancelledError):
                await fresh
            # Running exchanges end first, so that no response of VA.gov is lost.
            await app.state.vetassist.settle()


app = FastAPI(lifespan=lifespan)


@app.exception_handler(VetassistError)
async def refused(_: Request, error: VetassistError) -> Response:
    log.warning("%s: %s", error.code, error)
    if isinstance(error, SignInAgainError):
        return JSONResponse({"detail": "Sign in again."}, 401)
    if isinstance(error, AccountInactiveError):
        return JSONResponse({"detail": "The account is not active."}, 403)
    return JSONResponse({"detail": "Try again later."}, 503 if error.retryable else 500)


def client_of(request: Request) -> Client:
    found: Client = request.app.state.vetassist
    return found


def va_of(request: Request) -> Va:
    found: Va = request.app.state.va
    return found


Vetassist = Annotated[Client, Depends(client_of)]
VaGov = Annotated[Va, Depends(va_of)]


def opened_cookie(request: Request, name: str) -> str:
    try:
        return cookies.open_from_text(request.cookies.get(name, ""), name)
    except VetassistError:
        return ""


async def session_of(request: Request, vetassist: Vetassist) -> ActiveSession:
    jwt_id = opened_cookie(request, "session")
    session = await vetassist.session(jwt_id) if jwt_id else None
    if session is None:
        raise HTTPException(401, "Sign in first.")
    return session


Session = Annotated[ActiveSession, Depends(session_of)]


def set_cookie(response: Response, name: str, value: str, seconds: int) -> Response:
    response.set_cookie(name, cookies.seal_to_text(value, name), seconds, httponly=True, secure=True, samesite="lax")
    return response


@app.get("/sign-in")
async def sign_in(request: Request, va: VaGov) -> Response:
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    asked = {
        "response_type": "code",
        "client_id": va.client_id,
        "redirect_uri": str(request.url_for("callback")),
        "scope": "openid offline_access",
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    there = RedirectResponse(f"{va.origin}/authorize?{urlencode(asked)}", 302)
    return set_cookie(there, "signing-in", json.dumps([state, verifier]), 600)


@app.get("/callback")
async def callback(request: Request, vetassist: Vetassist, va: VaGov, code: str = "", state: str = "") -> Response:
    begun = opened_cookie(request, "signing-in")
    expected, verifier = json.loads(begun) if begun else ("", "")
    if not code or not expected or not secrets.compare_digest(expected.encode(), state.encode()):
        raise HTTPException(400, "Sign in again.")
    here = str(request.url_for("callback"))
    try:
        tokens = await va.ask(
            "/token", grant_type="authorization_code", code=code, redirect_uri=here, code_verifier=verifier
        )
        found = await va.ask("/introspect", token=tokens["access_token"])
    except TokenEndpointError as error:
        raise HTTPException(401, "Sign in again.") from error
    signed_in = await vetassist.sign_in(
        found["sub"],
        tokens,
        session_seconds=A_DAY,
        device_info={"agent": request.headers.get("user-agent")},
        ip=client_address(request.headers, ADDRESS),
    )
    return set_cookie(RedirectResponse("/records", 303), "session", signed_in.jwt_id, A_DAY)


@app.get("/records")
async def records(session: Session, vetassist: Vetassist, va: VaGov) -> Response:
    # After a response 401, with_token refreshes the token once and repeats the request.
    answer = await vetassist.with_token(session.user_id, va.records)
    return Response(answer.content, answer.status_code, media_type="application/json")


@app.post("/sign-out")
async def sign_out(session: Session, vetassist: Vetassist) -> dict[str, bool]:
    return {"ended": await vetassist.end_session(session.user_id, session_id=session.session_id)}


@app.post("/erase")
async def erase(session: Session, vetassist: Vetassist, va: VaGov) -> dict[str, bool]:
    erased = await vetassist.erase_user(session.user_id)
    if erased.tokens is not None and erased.tokens.refresh_token is not None:
        await va.ask("/revoke", token=erased.tokens.refresh_token)
    return {"erased": erased.erased}
