"""Rotates the client's key: opens pages of sealed tokens, seals them again, and stores those that have not changed."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any, Optional
from uuid import UUID

from .. import KeyRing, OpenError
from .effects import Pause, Statement
from .failure import ClientError, DriverFailure, bad_argument, of_driver
from .models import OnProgress, RotationEvent, RotationProgress, RotationStep, SealedBy
from .statement import Parameters, bytea, bytes_of, call, integer, is_number, jsonb, quoted, run, uuid

if TYPE_CHECKING:
    from .context import Context
    from .effects import Step

_PAGE = 500
_SHOWN = 100
_LOCK_TIMEOUT = "500ms"
_OPERATION = "rotate_tokens"
# A row is locked, or two transactions conflicted. The other rows are stored without it.
_HELD = frozenset({"55P03", "40P01", "40001"})

Row = dict[str, Any]


def _page(context: Context, operation: str, after: Optional[UUID], most: int) -> Step[list[Row]]:
    arguments = {"after_user_id": uuid(after), "max_rows": integer(most, "max_rows")}
    rows = yield from call(context, operation, "vetassist_sealed_page", arguments, is_read=True)
    return [row.result for row in rows]


def _position(ring: KeyRing, sealed: Optional[str], user_id: str) -> tuple[Optional[int], str]:
    """Returns the position in the ring of the key that sealed a token, and the opened token; None if no key opens it."""
    try:
        token, position = ring.decrypt_token(bytes_of(sealed) or b"", user_id, with_position=True)
    except OpenError:
        return None, ""
    return position, token


class _Walk:
    """A running rotation."""

    def __init__(self, context: Context, ring: KeyRing, on_progress: Optional[OnProgress]) -> None:
        self._context = context
        self._ring = ring
        self._on_progress = on_progress
        self.seen = 0
        self.resealed = 0
        self.unopened: list[UUID] = []
        params = Parameters()
        rows = params.add(jsonb([], "rows"))
        # The limit for waiting for a lock is set before the first row is read, because the rows depend on it. Locked rows are
        # skipped; the function waits only for locks of their leases.
        columns = ("user_id", "old_access", "new_access", "old_refresh", "new_refresh")
        gathered = ", ".join(f"pg_catalog.array_agg(v.{column}) AS {column}" for column in columns)
        self._statement = f"""SELECT pg_catalog.to_jsonb(now())::text AS asked_at, pg_catalog.to_jsonb(r)::text AS result
FROM (SELECT pg_catalog.set_config('lock_timeout', '{_LOCK_TIMEOUT}', true) IS NOT NULL AS is_set OFFSET 0) AS bound
CROSS JOIN LATERAL (
    SELECT {gathered}
    FROM pg_catalog.jsonb_to_recordset(CASE WHEN bound.is_set THEN {rows} END)
        AS v (user_id uuid, old_access bytea, new_access bytea, old_refresh bytea, new_refresh bytea)) AS page
CROSS JOIN LATERAL {quoted(context.schema)}.vetassist_reseal_page(
    {", ".join(f"page.{column}" for column in columns)}) AS r"""

    def _sealed_anew(self, sealed: Optional[str], user_id: str) -> tuple[Optional[str], bool]:
        """Returns what to store for a sealed token, and whether a key opened it."""
        if sealed is None:
            return None, True
        position, token = _position(self._ring, sealed, user_id)
        if position is None:
            return sealed, False
        return (sealed if position == 0 else bytea(self._ring.encrypt_token(token, user_id)).value), True

    def _seal_again(self, rows: list[Row]) -> list[Row]:
        """Seals rows again, and returns those to store."""
        puts = []
        for row in rows:
            user_id, access, refresh = row["user_id"], row["access_token"], row["refresh_token"]
            new_access, opened_access = self._sealed_anew(access, user_id)
            new_refresh, opened_refresh = self._sealed_anew(refresh, user_id)
            if (
                not (opened_access and opened_refresh)
                and len(self.unopened) < _SHOWN
                and UUID(user_id) not in self.unopened
            ):
                self.unopened.append(UUID(user_id))
            if (new_access, new_refresh) != (access, refresh):
                puts.append(
                    {
                        "user_id": user_id,
                        "old_access": access,
                        "new_access": new_access,
                        "old_refresh": refresh,
                        "new_refresh": new_refresh,
                    }
                )
        self.seen += len(rows)
        return puts

    def _store_rows(self, rows: list[Row]) -> Step[list[UUID]]:
        """Stores rows, and returns the ids of those that are locked or have changed."""
        if not rows:
            return []
        try:
            answers = yield from run(self._context, _OPERATION, self._statement, [json.dumps(rows)])
        except ClientError as error:
            if error.sqlstate not in _HELD:
                raise
        else:
            done = {UUID(answer.result) for answer in answers}
            users = [UUID(row["user_id"]) for row in rows]
            return [user_id for user_id in users if user_id not in done]
        if len(rows) == 1:
            return [UUID(rows[0]["user_id"])]
        # A row is locked. The rows are stored in halves, until the locked row is alone.
        middle = len(rows) // 2
        first = yield from self._store_rows(rows[:middle])
        second = yield from self._store_rows(rows[middle:])
        return first + second

    def store(self, rows: list[Row]) -> Step[list[UUID]]:
        """Seals rows again, stores them, and returns the ids of the rows to read again."""
        puts = self._seal_again(rows)
        held = yield from self._store_rows(puts)
        if len(puts) > len(held):
            yield from self._context.end.keys.note(self._context, _OPERATION)
        self.resealed += len(puts) - len(held)
        progress = RotationProgress(self.seen, self.resealed, len(self.unopened))
        self._context.emit(RotationEvent(progress))
        if self._on_progress is not None:
            self._on_progress(progress)
        return held

    def visit_again(self, user_ids: list[UUID]) -> Step[list[UUID]]:
        """Reads rows again, one by one, and returns the ids of those that are still locked."""
        still: list[UUID] = []
        for user_id in user_ids:
            # A page begins after an id.
            before = UUID(int=user_id.int - 1) if user_id.int > 0 else None
            rows = yield from _page(self._context, _OPERATION, before, 1)
            still += yield from self.store([row for row in rows if UUID(row["user_id"]) == user_id])
        return still

    def step(self, after: Optional[str], held: list[UUID]) -> RotationStep:
        return RotationStep(after, self.seen, self.resealed, len(held), tuple(self.unopened))


def _place(last: Optional[UUID], again: list[UUID]) -> str:
    """Returns the position of the rotation: the last id that was read, and the ids to read again."""
    return " ".join(["" if last is None else str(last), *map(str, again)])


def _place_of(after: Optional[str]) -> tuple[Optional[UUID], list[UUID]]:
    if after is None:
        return None, []
    try:
        last, *again = after.split(" ")
        return (UUID(last) if last else None), [UUID(each) for each in again]
    except (AttributeError, ValueError):
        pass
    raise bad_argument("after must be the value of after that rotate_tokens returned")


def _rotate_here(
    context: Context,
    ring: KeyRing,
    after: Optional[str],
    max_rows: float,
    max_seconds: float,
    on_progress: Optional[OnProgress],
) -> Step[RotationStep]:
    deadline = time.monotonic() + max_seconds
    last, again = _place_of(after)
    yield from context.end.keys.check(context, _OPERATION)
    walk = _Walk(context, ring, on_progress)

    def is_over() -> bool:
        return walk.seen >= max_rows or time.monotonic() >= deadline

    is_at_end = False
    while not is_at_end and not is_over():
        most = int(min(_PAGE, max_rows - walk.seen))
        rows = yield from _page(context, _OPERATION, last, most)
        is_at_end = len(rows) < most
        again += yield from walk.store(rows)
        last = UUID(rows[-1]["user_id"]) if rows else last
    wait = 0.05
    while is_at_end and again and not is_over():
        again = yield from walk.visit_again(again)
        if again:
            yield Pause(min(wait, max(0.0, deadline - time.monotonic())))
            wait = min(2 * wait, 1.0)
    if is_at_end and not again:
        return walk.step(None, [])
    return walk.step(_place(last, again), again)


def _status_at_server(context: Context, operation: str) -> Step[list[SealedBy]]:
    rows = yield from call(context, operation, "vetassist_rotation_status", is_read=True)
    return [
        SealedBy(
            row.result["fingerprint"],
            row.result["is_current"],
            row.result["sealed_values"],
            None if row.result["user_ids"] is None else tuple(UUID(each) for each in row.result["user_ids"]),
        )
        for row in rows
    ]


def _rotate_at_server(context: Context, after: Optional[str]) -> Step[RotationStep]:
    """Calls the server's procedure, which rotates to the end."""
    if after is not None:
        raise bad_argument("after must not be passed: without a ring, the server rotates all tokens")
    before = yield from _status_at_server(context, _OPERATION)
    answer = yield Statement(f"CALL {quoted(context.schema)}.vetassist_rotate_tokens()", [])
    if isinstance(answer, DriverFailure):
        raise of_driver(answer, is_read=False)
    left = yield from _status_at_server(context, _OPERATION)

    def old(rows: list[SealedBy]) -> int:
        return sum(row.sealed_values for row in rows if row.is_current is False)

    unopened = next((row.user_ids for row in left if row.fingerprint is None), None)
    return RotationStep(None, sum(row.sealed_values for row in before), old(before) - old(left), 0, unopened or ())


def rotate_tokens(
    context: Context,
    *,
    after: Optional[str] = None,
    max_rows: Optional[int] = None,
    max_seconds: Optional[float] = None,
    progress: Optional[OnProgress] = None,
) -> Step[RotationStep]:
    """Seals every token under the ring's current key, in one call or in limited steps. Needs the tier admin.

    The rotation is complete when `after` of the result is None; until then call again with it. In a client without a ring the
    server's procedure rotates to the end, and the limits do not apply.

    Args:
        after: Where to continue: `after` of the last step.
        max_rows: The most rows of a step.
        max_seconds: The longest time of a step.
        progress: A function that is called after each page.
    """
    if (max_rows is not None and (not isinstance(max_rows, int) or max_rows < 1)) or (
        max_seconds is not None and not (is_number(max_seconds) and max_seconds >= 0)
    ):
        raise bad_argument("max_rows must be an int above 0, and max_seconds a number, 0 or above")
    if context.ring is None:
        return (yield from _rotate_at_server(context, after))
    return (
        yield from _rotate_here(
            context,
            context.ring,
            after,
            math.inf if max_rows is None else max_rows,
            math.inf if max_seconds is None else max_seconds,
            progress,
        )
    )


def rotation_status(context: Context) -> Step[list[SealedBy]]:
    """Counts the sealed values of each key. The last row has no fingerprint and counts the values that no key opens."""
    operation = "rotation_status"
    if context.ring is None:
        return (yield from _status_at_server(context, operation))
    counts: dict[Optional[int], int] = {}
    unopened: list[UUID] = []
    last: Optional[UUID] = None
    while True:
        rows = yield from _page(context, operation, last, _PAGE)
        for row in rows:
            for sealed in (row["access_token"], row["refresh_token"]):
                if sealed is None:
                    continue
                position, _ = _position(context.ring, sealed, row["user_id"])
                counts[position] = counts.get(position, 0) + 1
                if position is None and len(unopened) < _SHOWN and UUID(row["user_id"]) not in unopened:
                    unopened.append(UUID(row["user_id"]))
        if len(rows) < _PAGE:
            break
        last = UUID(rows[-1]["user_id"])
    of_keys = [
        SealedBy(fingerprint, at == 0, counts.get(at, 0), None)
        for at, fingerprint in enumerate(context.ring.fingerprints())
    ]
    return [*of_keys, SealedBy(None, None, counts.get(None, 0), tuple(unopened))]
