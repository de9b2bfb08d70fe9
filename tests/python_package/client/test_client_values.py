"""Tests without a database: conversion of values, and the address of a request's client."""

from __future__ import annotations

import pickle
import random
from datetime import datetime, timedelta, timezone
from email.message import Message
from typing import Any, Callable

import httpx
import pytest
import vetassist
from starlette.datastructures import Headers
from vetassist.client import ClientError, Forwarded, ForwardedFor, client_address
from vetassist.client.effects import Statement
from vetassist.client.statement import bytea, jsonb, quoted, text, time_of

NAMES: list[Callable[[Any], Any]] = [
    dict,
    httpx.Headers,
    lambda given: Headers(given),
    lambda given: {name.upper(): value for name, value in given.items()},
]


@pytest.mark.parametrize("made", NAMES)
def test_the_address_is_read_from_the_header_that_the_rule_names(made: Callable[[Any], Any]) -> None:
    headers = made(
        {
            "CF-Connecting-IP": "203.0.113.7",
            "X-Forwarded-For": "198.51.100.1, 203.0.113.9, 192.0.2.1",
            "X-Real-IP": "unknown",
            "Forwarded": 'for="[2001:db8::1]:4711"',
        }
    )
    assert client_address(headers, "cf-connecting-ip") == "203.0.113.7"
    assert client_address(headers, "x-real-ip") is None
    assert client_address(headers, ForwardedFor(trusted_hops=2)) == "203.0.113.9"
    assert client_address(headers, ForwardedFor(trusted_hops=4)) is None
    assert client_address(headers, Forwarded(trusted_hops=1)) == "2001:db8::1"
    assert client_address(made({}), ForwardedFor(trusted_hops=1)) is None
    rules: list[Any] = ["x-forwarded-for", None, ForwardedFor(trusted_hops=-1)]
    for rule in rules:
        with pytest.raises(vetassist.InvalidTypeError):
            client_address(headers, rule)
    nothing: Any = None
    with pytest.raises(vetassist.InvalidTypeError):
        client_address(nothing, "x-real-ip")


def test_all_lines_of_a_repeated_header_are_read() -> None:
    """The client sent the first line and the proxy added the second. `get` would return only the client's."""
    lines = [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.7")]
    message = Message()
    for name, value in lines:
        message[name] = value
    starlette = Headers(raw=[(name.lower().encode(), value.encode()) for name, value in lines])
    for headers in (message, starlette, httpx.Headers(lines)):
        assert client_address(headers, ForwardedFor(trusted_hops=1)) == "203.0.113.7", type(headers)


def test_times_are_read_as_the_database_writes_them() -> None:
    draw = random.Random(7)
    for _ in range(2000):
        zone = timezone(timedelta(minutes=draw.randrange(-14 * 60, 14 * 60)))
        when = datetime(1, 1, 3, tzinfo=zone) + timedelta(microseconds=draw.randrange(315_537_000_000_000_000))
        written = when.isoformat()
        if when.microsecond:
            # PostgreSQL omits trailing zeros.
            clock, sign, ahead = written.rpartition("+" if "+" in written else "-")
            written = f"{clock.rstrip('0')}{sign}{ahead}"
        assert time_of(written) == when and time_of(written).tzinfo is timezone.utc
    first, last = datetime.min.replace(tzinfo=timezone.utc), datetime.max.replace(tzinfo=timezone.utc)
    for written, expected in [
        ("infinity", last),
        ("-infinity", first),
        ("0044-03-15T12:00:00+00:00 BC", first),
        ("294276-12-31T23:59:59.999999+00:00", last),
        ("0001-01-01T00:00:00+14:00", first),
        ("9999-12-31T23:59:59-14:00", last),
        ("1800-01-01T00:00:00+00:19:32", datetime(1799, 12, 31, 23, 40, 28, tzinfo=timezone.utc)),
    ]:
        assert time_of(written) == expected, written


def test_values_that_the_database_cannot_store_are_refused() -> None:
    for wrong in ("mine \ud800", "mine \0"):
        with pytest.raises(vetassist.InvalidValueError) as refused:
            text(wrong, "the name")
        assert refused.value.__context__ is None and wrong[:4] not in str(refused.value)
    circle: list[Any] = []
    circle.append(circle)
    for value in (float("nan"), {1, 2}, circle, {"at": datetime(1, 1, 1)}, b"bytes"):
        with pytest.raises(vetassist.InvalidTypeError) as no_json:
            jsonb(value, "data")
        assert no_json.value.__context__ is None
    assert jsonb({"a": ["\u00e9", None, 1.5]}, "data").value == '{"a":["\\u00e9",null,1.5]}'
    assert bytea(b"\x00\xff").value == "\\x00ff"
    assert quoted('a "b"') == '"a ""b"""'
    assert "secret" not in repr(Statement("SELECT", ["secret"])) + repr(text("secret"))


def test_errors_can_be_pickled() -> None:
    error = ClientError("ERR_DATABASE", "the database did not answer", retryable=True, sqlstate="57P01")
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, str(again), again.retryable, again.sqlstate) == (error.code, str(error), True, "57P01")
    assert vetassist.FreedError("ERR_FREED", "freed").retryable is False
