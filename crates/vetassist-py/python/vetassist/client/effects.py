"""Effects: the requests of an operation to the client that runs it.

Each operation is written once, as a generator: it yields an effect and continues with the result. The blocking client and the
asynchronous client carry the effects out, each in its own way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Generator, Hashable, Optional, Sequence, TypeVar, Union

T = TypeVar("T")


@dataclass(frozen=True)
class Statement:
    """Runs one statement. The result is its rows, or a `DriverFailure`."""

    text: str
    # The repr does not show parameters, because they include tokens and addresses.
    params: Sequence[Optional[str]] = field(repr=False)


@dataclass(frozen=True)
class Pause:
    """Waits."""

    seconds: float


@dataclass(frozen=True)
class Call:
    """Calls a function of the service, and passes on its exceptions."""

    function: Callable[..., Any]
    args: tuple[Any, ...] = field(repr=False)


@dataclass(frozen=True)
class Ask:
    """Calls a function of the service, and waits at most so many seconds. After that the result is `LATE`.

    A later response is not lost: it is passed to `late`.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = field(repr=False)
    timeout_seconds: float
    # A response that comes after so many more seconds is ignored.
    patience_seconds: float
    late: Callable[[Any], Step[object]]


@dataclass(frozen=True)
class Detached:
    """Runs another operation to its end, even if the caller stops waiting.

    Running operations with the same key are shared.
    """

    key: Optional[Hashable]
    make: Callable[[], Step[Any]]


@dataclass(frozen=True)
class Several:
    """Runs several operations, so many at a time."""

    steps: Sequence[Callable[[], Step[None]]]
    concurrency: int


LATE = object()

if TYPE_CHECKING:
    Effect = Union[Statement, Pause, Call, Ask, Detached, Several]
    Step = Generator[Effect, Any, T]
