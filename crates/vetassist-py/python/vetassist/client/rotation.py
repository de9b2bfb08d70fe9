"""Rotates the client's key: opens pages of sealed tokens, seals them again, and stores those that have not changed."""

from __future__ import annotations

import math
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Optional
from uuid import UUID

from .. import KeyRing, OpenError
from .effects import Begin, Join, Pause, Statement
from .failure import ClientError, DriverFailure, bad_argument, of_driver
from .models import OnProgress, RotationEvent, RotationProgress, RotationStep, SealedBy
from .statement import LONGEST_SECONDS, call, integer, is_int, is_number, quoted, run, uuid

if TYPE_CHECKING:
    from .context import Context
    from .effects import Step

_PAGE = 500
_SHOWN = 100
_LOCK_TIMEOUT = "500ms"
_OPERATION = "rotate_tokens"
# A row is locked, or two transactions conflicted. The other rows are stored without it.
_HELD = frozenset({"55P03", "40P01", "40001"})

# An event loop has other work, such as sending the page before. It gets a turn after so many rows.
_SLICE = 32
# Pages that are being stored while the next one is sealed.
_STORING = 2

# One JSON string for a row, which needs no escapes, because to_jsonb takes three times as long for values of this size.
_AS_STRING = """pg_catalog.concat('"', pg_catalog.concat_ws(' ', r.user_id,
    pg_catalog.encode(r.access_token, 'hex'), pg_catalog.encode(r.refresh_token, 'hex')), '"')"""


class _Row(NamedTuple):
    """Sealed tokens, in hexadecimal digits."""

    user_id: str
    access: str
    refresh: Optional[str] = None


class _Put(NamedTuple):
    """A row to store: the sealed tokens as they were, and sealed again."""

    user_id: str
    old_access: str
    new_access: Optional[str]
    old_refresh: Optional[str]
    new_refresh: Optional[str]


_COLUMNS = _Put._fields[1:]


def _page(context: Context, operation: str, after: Optional[UUID], most: int) -> Step[list[_Row]]:
    arguments = {"after_user_id": uuid(after), "max_rows": integer(most, "max_rows")}
    rows = yield from call(context, operation, "vetassist_sealed_page", arguments, result=_AS_STRING, is_read=True)
    return [_Row(*row.result.split(" ")) for row in rows]


def _position(ring: KeyRing, sealed: str, user_id: str) -> tuple[Optional[int], str]:
    """Returns the position in the ring of the key that sealed a token, and the opened token; None if no key opens it."""
    try:
        token, position = ring.decrypt_token(bytes.fromhex(sealed), user_id, with_position=True)
    except OpenError:
        return None, ""
    return position, token


def _packed(rows: list[_Put]) -> tuple[str, str, str]:
    """Returns rows as parameters: all bytes as one value, and the beginning and the size of each value.

    The size is NULL for a NULL. A server reads an array of texts character by character, and one value in one go.
    """
    values, begins, sizes, begin = [], [], [], 1
    for row in rows:
        for value in row[1:]:
            begins.append(str(begin))
            sizes.append("NULL" if value is None else str(len(value) // 2))
            if value is not None:
                values.append(value)
                begin += len(value) // 2
    return f"\\x{''.join(values)}", f"{{{','.join(begins)}}}", f"{{{','.join(sizes)}}}"


def _report(context: Context, on_progress: Optional[OnProgress], progress: RotationProgress) -> None:
    context.emit(RotationEvent(progress))
    if on_progress is not None:
        on_progress(progress)


class _Walk:
    """A running rotation."""

    def __init__(self, context: Context, ring: KeyRing, on_progress: Optional[OnProgress]) -> None:
        self._context = context
        self._ring = ring
        self._on_progress = on_progress
        self.seen = 0
        self.resealed = 0
        self.unopened: list[UUID] = []

        def column(at: int) -> str:
            return f"""ARRAY(SELECT pg_catalog.substr(given.bytes, v.first, v.size)
        FROM ROWS FROM (pg_catalog.unnest($3::text::integer[]), pg_catalog.unnest($4::text::integer[]))
            WITH ORDINALITY AS v (first, size, place)
        WHERE (v.place - 1) % {len(_COLUMNS)} = {at} ORDER BY v.place)"""

        # The limit for waiting for a lock is set before the first row is read, because the rows depend on it. Locked rows are
        # skipped; the function waits only for locks of their leases.
        self._statement = f"""SELECT pg_catalog.to_jsonb(now())::text AS asked_at, pg_catalog.to_jsonb(r)::text AS result
FROM (SELECT pg_catalog.set_config('lock_timeout', '{_LOCK_TIMEOUT}', true) IS NOT NULL AS is_set,
             $2::text::bytea AS bytes OFFSET 0) AS given
CROSS JOIN LATERAL {quoted(context.schema)}.vetassist_reseal_page(
    CASE WHEN given.is_set THEN $1::text::uuid[] END, {", ".join(map(column, range(len(_COLUMNS))))}) AS r"""

    def _sealed_anew(self, sealed: Optional[str], user_id: str) -> tuple[Optional[str], bool]:
        """Returns what to store for a sealed token, and whether a key opened it."""
        if sealed is None:
            return None, True
        position, token = _position(self._ring, sealed, user_id)
        if position is None:
            return sealed, False
        return (sealed if position == 0 else self._ring.encrypt_token(token, user_id).hex()), True

    def seal_again(self, rows: list[_Row]) -> Step[list[_Put]]:
        """Seals rows again, and returns those to store."""
        puts = []
        for at, row in enumerate(rows):
            if at % _SLICE == 0:
                yield Pause(0)
            new_access, opened_access = self._sealed_anew(row.access, row.user_id)
            new_refresh, opened_refresh = self._sealed_anew(row.refresh, row.user_id)
            if (
                not (opened_access and opened_refresh)
                and len(self.unopened) < _SHOWN
                and UUID(row.user_id) not in self.unopened
            ):
                self.unopened.append(UUID(row.user_id))
            if (new_access, new_refresh) != (row.access, row.refresh):
                puts.append(_Put(row.user_id, row.access, new_access, row.refresh, new_refresh))
        self.seen += len(rows)
        return puts

    def _store_rows(self, rows: list[_Put]) -> Step[list[UUID]]:
        """Stores rows, and returns the ids of those that are locked or have changed."""
        if not rows:
            return []
        try:
            users = f"{{{','.join(row.user_id for row in rows)}}}"
            answers = yield from run(self._context, _OPERATION, self._statement, [users, *_packed(rows)])
        except ClientError as error:
            if error.sqlstate not in _HELD:
                raise
        else:
            done = {answer.result for answer in answers}
            return [UUID(row.user_id) for row in rows if row.user_id not in done]
        if len(rows) == 1:
            return [UUID(rows[0].user_id)]
        # A row is locked. The rows are stored in halves, until the locked row is alone.
        middle = len(rows) // 2
        first = yield from self._store_rows(rows[:middle])
        second = yield from self._store_rows(rows[middle:])
        return first + second

    def store(self, puts: list[_Put]) -> Step[list[UUID]]:
        """Stores rows, and returns the ids of the rows to read again."""
        held = yield from self._store_rows(puts)
        if len(puts) > len(held):
            yield from self._context.end.keys.note(self._context, _OPERATION)
        self.resealed += len(puts) - len(held)
        _report(self._context, self._on_progress, RotationProgress(self.seen, self.resealed, len(self.unopened)))
        return held

    def visit_again(self, user_ids: list[UUID]) -> Step[list[UUID]]:
        """Reads rows again, one by one, and returns the ids of those that are still locked."""
        still: list[UUID] = []
        for user_id in user_ids:
            # A page begins after an id.
            before = UUID(int=user_id.int - 1) if user_id.int > 0 else None
            rows = yield from _page(self._context, _OPERATION, before, 1)
            puts = yield from self.seal_again([row for row in rows if UUID(row.user_id) == user_id])
            still += yield from self.store(puts)
        return still

    def step(self, after: Optional[str], held: list[UUID]) -> RotationStep:
        return RotationStep(after, self.seen, self.resealed, len(held), tuple(self.unopened))


def _place(last: Optional[UUID], again: list[UUID]) -> str:
    """Returns the position of the rotation: the last id that was read, and the ids to read again."""
    return " ".join(["" if last is None else str(last), *map(str, again)])


def _place_of(after: Optional[str]) -> tuple[Optional[UUID], list[UUID]]:
    if after is None:
        return None, []
    if isinstance(after, str):
        # The error of UUID is not the context of the error below, because it quotes the value.
        try:
            last, *again = after.split(" ")
            return (UUID(last) if last else None), [UUID(each) for each in again]
        except ValueError:
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

    def read_next(seen: int) -> Step[tuple[int, Any]]:
        """Begins to read the rows after the last one, at most so many that max_rows is kept."""
        most = int(min(_PAGE, max_rows - seen))
        return most, (yield Begin(partial(_page, context, _OPERATION, last, most)))

    # While an asynchronous client seals a page, the database reads the next one and stores those before.
    storing: deque[Any] = deque()
    reading = None
    is_at_end = False
    while not is_at_end and not is_over():
        most, begun = reading or (yield from read_next(walk.seen))
        rows = yield Join(begun)
        reading = None
        is_at_end = len(rows) < most
        last = UUID(rows[-1].user_id) if rows else last
        if not is_at_end and walk.seen + len(rows) < max_rows and time.monotonic() < deadline:
            reading = yield from read_next(walk.seen + len(rows))
        puts = yield from walk.seal_again(rows)
        if len(storing) == _STORING:
            again += yield Join(storing.popleft())
        storing.append((yield Begin(partial(walk.store, puts))))
    while storing:
        again += yield Join(storing.popleft())
    if reading is not None:
        yield Join(reading[1])
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


def _rotate_at_server(context: Context, after: Optional[str], on_progress: Optional[OnProgress]) -> Step[RotationStep]:
    """Calls the server's procedure, which rotates to the end, and reports progress once."""
    if after is not None:
        raise bad_argument("after must not be passed: without a ring, the server rotates all tokens")
    before = yield from _status_at_server(context, _OPERATION)
    answer = yield Statement(f"CALL {quoted(context.schema)}.vetassist_rotate_tokens()", [])
    if isinstance(answer, DriverFailure):
        raise of_driver(answer, is_read=False)
    left = yield from _status_at_server(context, _OPERATION)

    def old(rows: list[SealedBy]) -> int:
        return sum(row.sealed_values for row in rows if row.is_current is False)

    unopened = next((row.user_ids for row in left if row.fingerprint is None), None) or ()
    step = RotationStep(None, sum(row.sealed_values for row in before), old(before) - old(left), 0, unopened)
    _report(context, on_progress, RotationProgress(step.seen, step.resealed, len(unopened)))
    return step


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
        progress: A function that is called after each page, or at the end if the server rotates.
    """
    if (max_rows is not None and (not is_int(max_rows) or max_rows < 1)) or (
        max_seconds is not None and not (is_number(max_seconds) and max_seconds >= 0)
    ):
        raise bad_argument("max_rows must be an int above 0, and max_seconds a number, 0 or above")
    if progress is not None and not callable(progress):
        raise bad_argument("progress must be a function")
    if context.ring is None:
        return (yield from _rotate_at_server(context, after, progress))
    return (
        yield from _rotate_here(
            context,
            context.ring,
            after,
            math.inf if max_rows is None else max_rows,
            LONGEST_SECONDS if max_seconds is None else min(max_seconds, LONGEST_SECONDS),
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
            for sealed in (row.access, row.refresh):
                if sealed is None:
                    continue
                position, _ = _position(context.ring, sealed, row.user_id)
                counts[position] = counts.get(position, 0) + 1
                if position is None and len(unopened) < _SHOWN and UUID(row.user_id) not in unopened:
                    unopened.append(UUID(row.user_id))
            yield Pause(0)
        if len(rows) < _PAGE:
            break
        last = UUID(rows[-1].user_id)
    of_keys = [
        SealedBy(fingerprint, at == 0, counts.get(at, 0), None)
        for at, fingerprint in enumerate(context.ring.fingerprints())
    ]
    return [*of_keys, SealedBy(None, None, counts.get(None, 0), tuple(unopened))]
