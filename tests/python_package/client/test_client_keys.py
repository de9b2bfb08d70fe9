"""Tests key rings: an unrelated ring is refused before it seals, keys are rotated in bounded steps, and a token that no
key opens does not stop a rotation."""

from __future__ import annotations

import asyncio
import threading
import uuid
from typing import Any, Awaitable, Callable

import databases
import pytest
import vetassist
import vetassist.client.rotation
from cases import raises
from databases import Database
from kinds import Kind, opened
from provider import Provider
from spies import between
from test_client_rules import icn, sign_in
from vetassist.client import RotationEvent, RotationProgress

OLD, NEW = vetassist.generate_key(), vetassist.generate_key()
RING, NEW_RING = vetassist.KeyRing([OLD]), vetassist.KeyRing([NEW, OLD])
STRANGER = vetassist.KeyRing([vetassist.generate_key()])

Test = Callable[[Kind, Database], Awaitable[None]]


@pytest.fixture(params=["asyncpg", "psycopg"])
def carry_out(request: Any) -> Callable[[Test], None]:
    def carry_out(test: Test) -> None:
        async def run() -> None:
            with databases.made("keys") as database:
                async with opened(request.param, database.name) as kind:
                    await test(kind, database)

        asyncio.run(asyncio.wait_for(run(), 60))

    return carry_out


def known(database: Database) -> list[str]:
    return sorted(row[0] for row in database.rows("SELECT vetassist_known_keys()"))


def test_a_ring_that_opens_no_stored_token_is_refused_before_it_seals(carry_out: Callable[[Test], None]) -> None:
    async def run(kind: Kind, database: Database) -> None:
        va = Provider()
        one = await sign_in(kind.client(ring=RING), va)
        assert known(database) == RING.fingerprints()
        stranger, nobody = kind.client(ring=STRANGER), icn()
        await raises("ERR_UNKNOWN_KEYS", sign_in(stranger, va, va_icn=nobody))
        await raises("ERR_UNKNOWN_KEYS", stranger.store_tokens(one.user_id, va.issue()))
        await raises("ERR_UNKNOWN_KEYS", stranger.rotate_tokens())
        assert database.rows("SELECT 1 FROM {users} WHERE va_icn = %s", [nobody]) == [], "nothing was stored"
        await sign_in(kind.client(ring=NEW_RING), va)
        assert known(database) == sorted(NEW_RING.fingerprints()), "a key is recorded once it has sealed a token"
        # Another backend's tokens have no recorded fingerprint. A ring that opens one of the tokens is accepted.
        database.rows("DELETE FROM {key_fingerprints}")
        await raises("ERR_UNKNOWN_KEYS", sign_in(kind.client(ring=STRANGER), va))
        assert await sign_in(kind.client(ring=RING), va)

    carry_out(run)


def test_a_rollback_also_removes_the_recorded_fingerprint(carry_out: Callable[[Test], None]) -> None:
    async def run(kind: Kind, database: Database) -> None:
        va, client = Provider(), kind.client(ring=RING)
        if kind.name == "asyncpg":
            async with kind.pool.acquire() as connection:
                transaction = connection.transaction()
                await transaction.start()
                await sign_in(client.within(connection), va)
                await transaction.rollback()
        else:
            with kind.pool.connection() as connection:
                await sign_in(client.within(connection), va)
                connection.rollback()
        assert known(database) == []
        await sign_in(client, va)
        assert known(database) == RING.fingerprints()

    carry_out(run)


def test_a_refresh_records_the_fingerprints_of_the_ring(carry_out: Callable[[Test], None]) -> None:
    async def run(kind: Kind, database: Database) -> None:
        va = Provider()
        one = await sign_in(kind.client(ring=RING), va)
        database.expire(one.user_id)
        await kind.client(ring=NEW_RING, refresh=va.refresh).access_token(one.user_id)
        assert known(database) == sorted(NEW_RING.fingerprints())

    carry_out(run)


def test_a_key_is_rotated_in_bounded_steps(carry_out: Callable[[Test], None]) -> None:
    async def run(kind: Kind, database: Database) -> None:
        va, client = Provider(), kind.client(ring=RING)
        owners = sorted([(await sign_in(client, va)).user_id for _ in range(25)])
        lost = owners[7]
        database.rows(
            "UPDATE {va_tokens} SET access_token_encrypted = %s, refresh_token_encrypted = NULL WHERE user_id = %s",
            [STRANGER.encrypt_token("lost", lost), lost],
        )
        changed: list[bool] = []

        def change(text: str, params: Any) -> None:
            if "vetassist_sealed_page" in text and not changed:
                changed.append(True)
                # A service that still has the old ring stores a new token between reading and writing.
                database.rows(
                    "UPDATE {va_tokens} SET access_token_encrypted = %s WHERE user_id = %s",
                    [RING.encrypt_token("newer", owners[3]), owners[3]],
                )

        told: list[Any] = []
        progress: list[RotationProgress] = []
        rotating = kind.client(db=between(kind, after=change), ring=NEW_RING, on_event=told.append)
        step = await rotating.rotate_tokens(max_rows=10, progress=progress.append)
        resealed = step.resealed
        assert step.seen == 10 and step.held == 1 and step.after is not None, "a step visits a limited number of rows"
        while step.after is not None:
            step = await rotating.rotate_tokens(after=step.after, max_rows=10, progress=progress.append)
            assert step.seen <= 11
            resealed += step.resealed
        assert (step.held, resealed) == (0, 24)
        assert len(progress) > 2 and [each.progress for each in told if isinstance(each, RotationEvent)] == progress
        status = await rotating.rotation_status()
        assert [(each.is_current, each.sealed_values) for each in status] == [(True, 48), (False, 0), (None, 1)]
        assert status[-1].user_ids == (lost,) and status[0].fingerprint == NEW_RING.fingerprints()[0]
        again = await rotating.rotate_tokens()
        assert (again.after, again.seen, again.resealed, again.unopened, again.held) == (None, 25, 0, (lost,), 0)
        await raises("ERR_INVALID_ARG_TYPE", rotating.rotate_tokens(after="'; --"))
        await raises("ERR_INVALID_ARG_TYPE", rotating.rotate_tokens(max_rows=0))
        assert (await rotating.rotate_tokens(max_seconds=0)).after is not None, "a step without time does not finish"
        sealed = database.value("SELECT access_token_encrypted FROM {va_tokens} WHERE user_id = %s", [owners[3]])
        assert NEW_RING.decrypt_token(sealed, owners[3], with_position=True) == ("newer", 0), "the newer token is kept"

        # A token that no key opens counts as expired. A refresh token that no key opens is an error of its own.
        client = kind.client(ring=NEW_RING, refresh=va.refresh)
        await raises("ERR_SIGN_IN_AGAIN", client.access_token(lost))
        database.rows(
            "UPDATE {va_tokens} SET refresh_token_encrypted = access_token_encrypted WHERE user_id = %s", [lost]
        )
        await raises("ERR_REFRESH_TIMEOUT", client.access_token(lost, wait_seconds=0.1), retryable=True)
        assert (await client.token_status(lost)).last_error == "unopenable"
        assert va.exchanges == 0

    carry_out(run)


def test_a_rotation_returns_to_a_row_that_was_locked(carry_out: Callable[[Test], None]) -> None:
    async def run(kind: Kind, database: Database) -> None:
        va, client = Provider(), kind.client(ring=RING)
        owners = [(await sign_in(client, va)).user_id for _ in range(6)]
        database.rows("BEGIN")
        database.rows("SELECT 1 FROM {va_tokens} WHERE user_id = %s FOR UPDATE", [owners[4]])
        rotating = kind.client(ring=NEW_RING)
        step = await rotating.rotate_tokens(max_seconds=1)
        assert (step.held, step.resealed) == (1, 5) and step.after is not None, "the rotation is not complete"
        timer = threading.Timer(0.3, lambda: database.rows("COMMIT"))
        timer.start()
        step = await rotating.rotate_tokens(after=step.after)
        timer.join()
        assert (step.after, step.held, step.resealed) == (None, 0, 1)
        assert [each.sealed_values for each in await rotating.rotation_status()] == [12, 0, 0]

    carry_out(run)


def test_a_page_is_stored_while_the_next_one_is_read_and_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a rotation by the asynchronous client takes no more time than one by the server."""
    monkeypatch.setattr(vetassist.client.rotation, "_PAGE", 5)

    async def run() -> None:
        with databases.made("overlap") as database:
            async with opened("asyncpg", database.name) as kind:
                va, client = Provider(), kind.client(ring=RING)
                for _ in range(20):
                    await sign_in(client, va)
                running: list[str] = []
                most: list[int] = []

                def begin(text: str, _: Any) -> None:
                    running.append(text)
                    most.append(len(running))

                spied = between(kind, before=begin, after=lambda text, _: running.remove(text))
                step = await kind.client(db=spied, ring=NEW_RING).rotate_tokens()
                assert (step.resealed, step.after) == (20, None)
                assert max(most) == 3, "one page is read and two are stored"

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_rotation_ends_with_an_exception_of_progress_and_can_be_resumed(carry_out: Callable[[Test], None]) -> None:
    async def run(kind: Kind, database: Database) -> None:
        va, client = Provider(), kind.client(ring=RING)
        for _ in range(6):
            await sign_in(client, va)
        rotating = kind.client(ring=NEW_RING)
        first = await rotating.rotate_tokens(max_rows=2)

        def stop(_: RotationProgress) -> None:
            raise InterruptedError

        with pytest.raises(InterruptedError):
            await rotating.rotate_tokens(after=first.after, max_rows=2, progress=stop)
        # Another process continues from the last place that was kept. Rows that were stored already are only read.
        last = await kind.client(ring=NEW_RING).rotate_tokens(after=first.after)
        assert (last.after, last.seen, last.resealed, last.held) == (None, 4, 2, 0)
        assert [each.sealed_values for each in await rotating.rotation_status()] == [12, 0, 0]

    carry_out(run)


def test_a_rotation_without_a_ring_is_done_by_the_server(carry_out: Callable[[Test], None]) -> None:
    async def run(kind: Kind, database: Database) -> None:
        va, client = Provider(), kind.client()
        behind = kind.client(ring=vetassist.KeyRing(databases.SERVER_KEYS[::-1]), ip_hash="sha256")
        one = await sign_in(client, va)
        await behind.store_tokens(one.user_id, va.issue())
        assert [each.sealed_values for each in await client.rotation_status()] == [0, 2, 0]
        progress: list[RotationProgress] = []
        step = await client.rotate_tokens(progress=progress.append)
        assert (step.after, step.held, step.resealed, step.seen, step.unopened) == (None, 0, 2, 2, ())
        assert progress == [RotationProgress(2, 2, 0)]
        status = await client.rotation_status()
        assert status[0].fingerprint == vetassist.fingerprint(databases.SERVER_KEYS[0]) and status[0].sealed_values == 2
        await raises("ERR_INVALID_ARG_TYPE", client.rotate_tokens(after=str(uuid.uuid4())))

    carry_out(run)


def test_check_reports_drift_and_wrong_rights(carry_out: Callable[[Test], None]) -> None:
    async def run(kind: Kind, database: Database) -> None:
        client = kind.client(ring=RING)
        await client.check()
        database.rows("DROP INDEX idx_vetassist_audit_type")
        drifted = await raises("ERR_DRIFTED", client.check())
        assert [(each.object, each.problem) for each in drifted.differences] == [
            ("idx_vetassist_audit_type", "missing")
        ]
        database.rows("CREATE INDEX idx_vetassist_audit_type ON {auth_audit} (event_type)")
        role = f"anon_{uuid.uuid4().hex[:8]}"
        database.rows(f"CREATE ROLE {role}")
        database.rows(f"GRANT SELECT ON {{va_tokens}} TO {role}")
        exposed = await raises("ERR_DRIFTED", client.check())
        assert [(each.problem, each.found) for each in exposed.differences] == [(f"rights of {role}", "SELECT")]
        await client.check(allow_roles=[role])
        database.rows(f"REVOKE ALL ON {{va_tokens}} FROM {role}")
        database.rows("REVOKE EXECUTE ON FUNCTION vetassist_log_event_sealed FROM service")
        powerless = await raises("ERR_DRIFTED", client.check())
        assert ("function vetassist_log_event_sealed", "no right to execute") in [
            (each.object, each.problem) for each in powerless.differences
        ]
        await raises("ERR_FORBIDDEN", client.log_event("looked_at"), sqlstate="42501")
        await raises("ERR_DRIFTED", kind.client(ring=RING, schema="nowhere").check())
        await raises("ERR_NOT_INSTALLED", kind.client(ring=RING, schema="nowhere").user(uuid.uuid4()))
        database.rows(f"DROP ROLE {role}")

    carry_out(run)
