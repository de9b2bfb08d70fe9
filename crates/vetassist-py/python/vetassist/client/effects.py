"""Requests of an operation to the driver that carries it out.

Each operation is written once, as a generator: it yields what it needs done, and goes on with the result. The blocking client
and the asynchronous one carry these out, each in its own way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Generator, Hashable, Optional, Sequence, TypeVar, Union

T = TypeVar("T")


@dataclass(frozen=True)
class Statement:
    """Carries out one statement. The result is its rows, or a `DriverFailure`."""

    text: str
    # Tokens and addresses are among them.
    params: Sequence[Optional[str]] = field(repr=False)


@dataclass(frozen=True)
class Pause:
    """Waits."""

    seconds: float


@dataclass(frozen=True)
class Call:
    """Calls a function of the service, and raises what it raises."""

    function: Callable[..., Any]
    args: tuple[Any, ...] = field(repr=False)


@dataclass(frozen=True)
class Ask:
    """Calls a function of the service, and waits no longer than so many seconds: then the result is `LATE`.

    A later answer is not lost: it goes on to `late`.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = field(repr=False)
    timeout_seconds: float
    # Nobody has a use for an answer after as many seconds more.
    patience_seconds: float
    late: Callable[[Any], Step[object]]


@dataclass(frozen=True)
class Detached:
    """Carries out another operation to its end, even if the caller stops waiting.

    Calls that are under way at the same time and name the same key share one.
    """

    key: Optional[Hashable]
    make: Callable[[], Step[Any]]


@dataclass(frozen=True)
class Several:
    """Carries out several operations, so many at a time."""

    steps: Sequence[Callable[[], Step[None]]]
    concurrency: int


LATE = object()

if TYPE_CHECKING:
    Effect = Union[Statement, Pause, Call, Ask, Detached, Several]
    Step = Generator[Effect, Any, T]
