"""A token endpoint that behaves as VA.gov's does, and fails in the ways that a test asks for.

Refresh tokens rotate, reuse of a refresh token revokes its family, and authorization codes require PKCE. It can also serve
over HTTP. It is a Python version of the provider in the npm package's `vetassist/testing`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Iterator, Optional
from urllib.parse import parse_qs, urlencode, urlsplit

LONGEST = 30.0


class OAuthError(Exception):
    """The error of a token endpoint (RFC 6749 section 5.2)."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(f"the token endpoint answered {error}")
        self.error = error
        self.status = status


@dataclass
class Family:
    """All tokens that stem from one sign-in."""

    subject: str
    scope: str
    is_revoked: bool = False


@dataclass
class Held:
    family: Family
    expires: float = 0.0
    is_used: bool = False


def challenge_of(verifier: str) -> str:
    """Returns the challenge of a verifier (RFC 7636 section 4.6)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class Provider:
    def __init__(self, *, lifetime_seconds: int = 3600, answer_seconds: float = 0.0) -> None:
        self.lifetime_seconds = lifetime_seconds
        self.answer_seconds = answer_seconds
        self.exchanges = 0
        #: How often an already exchanged refresh token was presented. Anything but 0 is a defect of the caller.
        self.reuse = 0
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._access: dict[str, Held] = {}
        self._refresh: dict[str, Held] = {}
        self._codes: dict[str, dict[str, Any]] = {}
        self._faults: list[tuple[str, float]] = []
        self._shift = 0.0

    def order(self, kind: str, times: int = 1, seconds: float = 0.0) -> None:
        """Sets the fault of the next exchanges: `refused`, `failed`, `silent`, `slow` or `lost`."""
        self._faults += [(kind, seconds)] * times

    def refresh(self, token: str, _context: object = None) -> dict[str, Any]:
        """Exchanges a refresh token, with the next fault that was ordered."""
        kind, seconds = self._faults.pop(0) if self._faults else ("none", 0.0)
        wait = {"silent": LONGEST, "slow": seconds}.get(kind, self.answer_seconds)
        if wait:
            self.closing.wait(wait)
        if kind == "silent":
            raise ConnectionError("the token endpoint did not respond")
        if kind in ("refused", "failed"):
            raise OAuthError(*(("invalid_grant", 400) if kind == "refused" else ("server_error", 500)))
        answer = self._exchange(token)
        if kind == "lost":
            raise ConnectionResetError("the connection was lost after the tokens were exchanged")
        return answer

    def _now(self) -> float:
        return time.time() + self._shift

    def _answer(self, family: Family) -> dict[str, Any]:
        access, refresh = f"access-{secrets.token_hex(32)}", f"refresh-{secrets.token_hex(32)}"
        self._access[access] = Held(family, self._now() + self.lifetime_seconds)
        self._refresh[refresh] = Held(family)
        return {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "scope": family.scope,
            "expires_in": self.lifetime_seconds,
        }

    def issue(self, subject: str = "somebody", scope: str = "openid offline_access") -> dict[str, Any]:
        """Issues the tokens of a new sign-in."""
        with self._lock:
            return self._answer(Family(subject, scope))

    def _exchange(self, token: str) -> dict[str, Any]:
        with self._lock:
            self.exchanges += 1
            held = self._refresh.get(token)
            if held is None or held.family.is_revoked:
                raise OAuthError("invalid_grant")
            if held.is_used:
                # Two parties have this token, so one of them may have stolen it (RFC 9700 section 4.14.2).
                self.reuse += 1
                held.family.is_revoked = True
                raise OAuthError("invalid_grant")
            held.is_used = True
            return self._answer(held.family)

    def authorize(self, asked: dict[str, str]) -> str:
        """Returns the address to which a browser that asks for authorization is redirected."""
        back = asked["redirect_uri"]
        is_right = asked.get("response_type") == "code" and asked.get("code_challenge_method") == "S256"
        if not is_right or not asked.get("code_challenge") or not asked.get("state"):
            return f"{back}?{urlencode({'error': 'invalid_request', 'state': asked.get('state', '')})}"
        code = secrets.token_hex(16)
        self._codes[code] = asked
        return f"{back}?{urlencode({'code': code, 'state': asked['state']})}"

    def redeem(self, form: dict[str, str]) -> dict[str, Any]:
        # The first attempt uses up a code, whether it succeeds or not.
        asked = self._codes.pop(form.get("code", ""), None)
        if (
            asked is None
            or asked["client_id"] != form.get("client_id")
            or asked["redirect_uri"] != form.get("redirect_uri")
            or asked["code_challenge"] != challenge_of(form.get("code_verifier", ""))
        ):
            raise OAuthError("invalid_grant")
        return self.issue(asked.get("login_hint", "somebody"), asked.get("scope", "openid"))

    def revoke(self, token: str) -> None:
        held = self._refresh.get(token) or self._access.get(token)
        if held is not None:
            held.family.is_revoked = True

    def is_good(self, token: str) -> bool:
        """Returns whether an access token is valid, as VA.gov's APIs would decide."""
        held = self._access.get(token)
        return held is not None and not held.family.is_revoked and held.expires > self._now()

    def introspect(self, token: str) -> dict[str, Any]:
        """Returns the subject of an access token (RFC 7662)."""
        held = self._access.get(token)
        return (
            {"active": True, "sub": held.family.subject}
            if held is not None and self.is_good(token)
            else {"active": False}
        )

    def expire(self) -> None:
        """Makes every access token that was issued until now expire."""
        self._shift += self.lifetime_seconds

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Serves the endpoints over HTTP at 127.0.0.1, and /records, which requires an access token."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            self.closing.set()
            server.shutdown()
            thread.join()
            server.server_close()


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        # Clients may keep their connections open.
        protocol_version = "HTTP/1.1"

        def _said(self, status: int, body: Any = None, location: Optional[str] = None) -> None:
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            if location is not None:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/authorize":
                asked = {name: values[0] for name, values in parse_qs(url.query).items()}
                self._said(302, location=provider.authorize(asked))
            elif url.path == "/records":
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                is_good = provider.is_good(token)
                self._said(200 if is_good else 401, {"records": "some"} if is_good else {"error": "invalid_token"})
            else:
                self._said(404, {"error": "not_found"})

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            form = {name: values[0] for name, values in parse_qs(content).items()}
            try:
                if self.path == "/revoke":
                    provider.revoke(form["token"])
                    self._said(200)
                elif self.path == "/introspect":
                    self._said(200, provider.introspect(form["token"]))
                elif form.get("grant_type") == "refresh_token":
                    self._said(200, provider.refresh(form["refresh_token"]))
                elif form.get("grant_type") == "authorization_code":
                    self._said(200, provider.redeem(form))
                else:
                    self._said(400, {"error": "unsupported_grant_type"})
            except OAuthError as error:
                self._said(error.status, {"error": error.error})

        def log_message(self, *_: object) -> None:
            pass

    return Handler
