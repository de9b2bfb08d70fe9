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
    """Calls a function of the service, and runs the operation that `then` makes of its response.

    The result is that of the operation, or `Unanswered`. No response is lost: the operation runs to its end even if the caller
    is interrupted, or if the response comes after the timeout.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = field(repr=False)
    timeout_seconds: float
    # A response that comes after so many more seconds is ignored.
    patience_seconds: float
    # Checks the response. Its exceptions count as the function's.
    read: Callable[[Any], Any]
    then: Callable[[Any], Step[Any]]


@dataclass(frozen=True)
class Unanswered:
    """The function of an `Ask` raised this error; without an error, it did not return in time."""

    error: Optional[Exception] = None


@dataclass(frozen=True)
class Detached:
    """Runs another operation to its end, even if the caller stops waiting.

    Running operations with the same key are shared.
    """

    key: Optional[Hashable]
    make: Callable[[], Step[Any]]


@dataclass(frozen=True)
class Begin:
    """Begins another operation, and results in a handle for `Join`. The blocking client runs it to its end at once."""

    make: Callable[[], Step[Any]]


@dataclass(frozen=True)
class Join:
    """Waits for an operation that was begun, and results in its result or its error."""

    begun: Any


@dataclass(frozen=True)
class Several:
    """Runs several operations, so many at a time."""

    steps: Sequence[Callable[[], Step[None]]]
    concurrency: int


if TYPE_CHECKING:
    Effect = Union[Statement, Pause, Call, Ask, Detached, Begin, Join, Several]
    Step = Generator[Effect, Any, T]
