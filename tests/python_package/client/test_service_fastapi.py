"""Tests the FastAPI example with 8 workers of uvicorn, from the sign-in at a simulated VA.gov to the erasure."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Iterator
from urllib.parse import urlsplit

import databases
import httpx
import pytest
import vetassist
from databases import SERVICE, SOCKET, Database
from provider import Provider

EXAMPLE = pathlib.Path(__file__).parents[3] / "examples/python-fastapi"
VETERANS, REQUESTS = 4, 8
ADDRESS = "203.0.113.7"


@contextmanager
def serving(database: Database, origin: str, keys: str, workers: int) -> Iterator[tuple[str, pathlib.Path]]:
    """Runs the service with its workers, and yields its socket and its log."""
    with tempfile.TemporaryDirectory() as folder:
        socket, log = f"{folder}/socket", pathlib.Path(folder, "log")
        environment = {
            **os.environ,
            "DATABASE": f"postgres://{SERVICE}@/{database.name}?host={SOCKET}",
            "VA_ORIGIN": origin,
            "VA_API": f"{origin}/records",
            "CLIENT_ID": "service",
            "COOKIE_KEY": vetassist.generate_key().hex(),
            "VETASSIST_KEYS": keys,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, "-m", "uvicorn", "service:app", "--workers", str(workers), "--uds", socket]
        with log.open("wb") as output:
            service = subprocess.Popen(command, cwd=EXAMPLE, env=environment, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + 90
            while log.read_text().count("Application startup complete") < workers:
                assert service.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield socket, log
        finally:
            service.send_signal(signal.SIGTERM)
            assert service.wait(60) in (0, -signal.SIGTERM), log.read_text()


class Browser:
    """A browser that keeps its cookies."""

    def __init__(self, socket: str, http: httpx.Client) -> None:
        self._socket = socket
        self._http = http
        self._cookies: dict[str, str] = {}

    def go(self, path: str, method: str = "GET") -> httpx.Response:
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            # The client can send any value; only the last address was added by the proxy.
            "X-Forwarded-For": f"unknown, 192.0.2.1, {ADDRESS}",
        }
        # Each request has its own connection, so that all workers receive some. Reading no certificates makes this faster.
        transport = httpx.HTTPTransport(uds=self._socket, verify=False)
        with httpx.Client(transport=transport, base_url="http://service.example", timeout=60) as client:
            response = client.request(method, path, headers=headers)
        for cookie in response.headers.get_list("set-cookie"):
            name, _, value = cookie.split(";")[0].partition("=")
            self._cookies[name] = value.strip('"')
        return response

    def sign_in(self, va_icn: str) -> None:
        sent = self.go("/sign-in")
        assert sent.status_code == 302, sent.text
        there = self._http.get(sent.headers["location"] + f"&login_hint={va_icn}")
        back = urlsplit(there.headers["location"])
        assert self.go("/callback?code=x&state=y").status_code == 400, "the state is not this browser's"
        assert self.go(f"{back.path}?{back.query}").headers["location"] == "/records"


@pytest.mark.parametrize(("has_ring", "workers"), [(True, 8), (False, 2)])
def test_the_example_works_from_sign_in_to_erasure(has_ring: bool, workers: int) -> None:
    va = Provider(answer_seconds=0.002)
    keys = vetassist.generate_key().hex() if has_ring else ""
    with databases.made("fastapi") as database, va.listening() as origin, httpx.Client() as http:
        with serving(database, origin, keys, workers) as (socket, log), ThreadPoolExecutor(REQUESTS) as threads:
            _goes_through(database, va, [Browser(socket, http) for _ in range(VETERANS)], threads)
            said = log.read_text()
        assert database.rows("SELECT va_icn FROM {users} WHERE va_icn IS NOT NULL") == []
        hashed = database.rows("SELECT DISTINCT ip_hash FROM {auth_audit} WHERE ip_hash IS NOT NULL")
        # An erasure also removes the address hashes from the audit trail.
        assert hashed == []
        for secret in ("access-", "refresh-", "ICN-", ADDRESS, *([keys] if has_ring else [])):
            assert secret not in said, "the service's log contains a secret"


def _workers() -> set[int]:
    """Returns the process ids of uvicorn's workers, which are grandchildren of this process."""
    parents: dict[int, int] = {}
    programs: dict[int, str] = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            programs[int(folder.name)] = (folder / "cmdline").read_text()
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            pass
    ours = {process for process, parent in parents.items() if parent == os.getpid() and "uvicorn" in programs[process]}
    return {process for process, parent in parents.items() if parent in ours and "spawn_main" in programs[process]}


def test_a_killed_worker_is_replaced_and_holds_nobody_up() -> None:
    va = Provider(answer_seconds=0.002)
    with databases.made("killed") as database, va.listening() as origin, httpx.Client() as http:
        with serving(database, origin, vetassist.generate_key().hex(), 8) as (socket, log):
            browsers = [Browser(socket, http) for _ in range(VETERANS)]
            for at, browser in enumerate(browsers):
                browser.sign_in(f"ICN-{at}")
            lost: list[str] = []

            def ask(browser: Browser) -> int:
                for _ in range(5):
                    try:
                        return browser.go("/records").status_code
                    except httpx.TransportError as error:
                        # This request was in the killed worker. A proxy or a browser repeats it.
                        lost.append(type(error).__name__)
                return 0

            with ThreadPoolExecutor(REQUESTS) as threads:
                asks = [browser for browser in browsers for _ in range(40)]
                running = [threads.submit(ask, browser) for browser in asks]
                workers = _workers()
                assert len(workers) == 8
                for worker in list(workers)[:3]:
                    os.kill(worker, signal.SIGKILL)
                    time.sleep(0.05)
                assert {each.result(60) for each in running} == {200}, lost
                deadline = time.monotonic() + 60
                while log.read_text().count("Application startup complete") < 11:
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.1)
                # The new workers and the old ones exchange each token once.
                database.rows("UPDATE {va_tokens} SET expires_at = now()")
                assert set(threads.map(ask, asks)) == {200}
            assert (va.exchanges, va.reuse) == (VETERANS, 0)


def _goes_through(database: Database, va: Provider, browsers: list[Browser], threads: ThreadPoolExecutor) -> None:
    assert browsers[0].go("/records").status_code == 401
    list(threads.map(lambda at: browsers[at].sign_in(f"ICN-{at}"), range(VETERANS)))
    assert database.value("SELECT count(*) FROM {users}") == VETERANS
    kept = database.value("SELECT access_token_encrypted FROM {va_tokens} LIMIT 1")
    assert b"access-" not in bytes(kept)

    def all_ask() -> list[Any]:
        asks = [browser for browser in browsers for _ in range(REQUESTS)]
        return list(threads.map(lambda browser: browser.go("/records").status_code, asks))

    assert set(all_ask()) == {200} and va.exchanges == 0
    # Each token is exchanged once, even if several workers find it due at the same time.
    database.rows("UPDATE {va_tokens} SET expires_at = now()")
    assert set(all_ask()) == {200}
    assert (va.exchanges, va.reuse) == (VETERANS, 0)
    # A token that VA.gov no longer accepts is refreshed once for all requests.
    va.expire()
    assert set(all_ask()) == {200}
    assert (va.exchanges, va.reuse) == (2 * VETERANS, 0)
    assert browsers[0].go("/sign-out", "POST").json() == {"ended": True}
    assert browsers[0].go("/records").status_code == 401
    browsers[0].sign_in("ICN-0")
    assert [browser.go("/erase", "POST").json() for browser in browsers] == [{"erased": True}] * VETERANS
    assert browsers[1].go("/records").status_code == 401
