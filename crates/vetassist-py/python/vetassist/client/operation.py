"""Methods of the clients that are made of operations."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, TypeVar

M = TypeVar("M", bound=Callable[..., Any])


def described(method: M, step: Callable[..., Any]) -> M:
    """Gives a method the name, the documentation and the signature of its operation, for `help` and editors."""
    functools.update_wrapper(method, step)
    found = inspect.signature(step)
    _, *parameters = found.parameters.values()
    result = str(found.return_annotation)
    if result.startswith("Step["):
        result = result[len("Step[") : -1]
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    # An operation is a function of a context. The method takes the context from its client.
    method.__signature__ = found.replace(  # type: ignore[attr-defined]
        parameters=[itself, *parameters], return_annotation=result
    )
    return method
