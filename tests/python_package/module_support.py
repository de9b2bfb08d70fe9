"""Helpers for the tests of the native module."""

import json
import pathlib

import pytest

import vetassist

TOP = pathlib.Path(__file__).resolve().parents[2]
USER = "6f1c2b3a-0000-4000-8000-000000000001"
OVERHEAD = 28


def vectors(name):
    """Reads a file of reference vectors."""
    return json.loads((TOP / "tests/vectors" / f"{name}.json").read_text(encoding="utf-8"))


def refused(code, call, *arguments, **named):
    """Asserts that a call raises an error with this code, and returns the error."""
    with pytest.raises(vetassist.VetassistError) as caught:
        call(*arguments, **named)
    assert caught.value.code == code, str(caught.value)
    # Python's own errors quote their input, so no cause may be attached.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value
