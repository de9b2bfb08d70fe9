"""Compares the clients with each other, and with the declarations of the npm package's client: the same operations, options,
results, events and errors."""

from __future__ import annotations

import dataclasses
import inspect
import pathlib
import re
from typing import Any

import pytest
import vetassist
import vetassist.aio
import vetassist.client as names

TOP = pathlib.Path(__file__).resolve().parents[3]
DECLARED = (TOP / "crates/vetassist-wasm/npm/types/client.d.ts").read_text(encoding="utf-8")
CLIENT = TOP / "crates/vetassist-py/python/vetassist/client"

# The unit is a part of the name. `with` is a keyword of Python, and `after` and the like keep their names.
RENAMED = {
    "with": "within",
    "refreshTimeoutMs": "refresh_timeout_seconds",
    "minValidMs": "min_valid_seconds",
    "waitMs": "wait_seconds",
    "withinMs": "within_seconds",
    "maxMs": "max_seconds",
    "max": "max_rows",
    "onProgress": "progress",
    "expiresInSeconds": "session_seconds",
    "type": "event_type",
}
# Objects of JavaScript whose members are parameters in Python.
NESTED = {"session": "NewSession", "profile": "Profile"}
# A cancelled task ends the waiting of Python's asynchronous client.
ONLY_JAVASCRIPT = {"signal", "wait_until"}


def snake(name: str) -> str:
    return RENAMED.get(name) or re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)


def body(interface: str) -> str:
    """Returns the text between the braces of an interface, with the members of those that it extends."""
    found = re.search(rf"^export interface {interface}(?: extends ([\w, ]+))? {{\n(.*?)^}}", DECLARED, re.M | re.S)
    assert found is not None, interface
    inherited = [body(each) for each in (found[1] or "").split(", ") if each and each != "Transaction"]
    return "".join(inherited) + re.sub(r"/\*\*.*?\*/", "", found[2], flags=re.S)


def members(interface: str) -> set[str]:
    return {snake(name) for name in re.findall(r"^  (\w+)\??:", body(interface), re.M)}


def declared_operations(interface: str) -> dict[str, str]:
    """Returns each operation of an interface, with the text of its parameters."""
    text = re.sub(r"\s+", " ", body(interface)).strip()
    return {name: text[at:] for name, at in ((each[1], each.end()) for each in re.finditer(r"(?:^|; )(\w+)(?=[<(])", text))}


def parameters_of(text: str) -> set[str]:
    """Returns the names of an operation's parameters and of the members of its options."""
    text = text[text.index("(") :]
    depth, end = 0, 0
    for end, sign in enumerate(text):
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(sign, 0)
        if depth == 0 and sign == ")":
            break
    given = re.sub(r"\(\(.*?\) => void\)", "", text[:end])
    found = {snake(name) for name in re.findall(r"(\w+)\??: ", given)}
    for interface in re.findall(r"\b(SignIn|NewSession|Profile|From|Call|RefreshOptions)\b", given):
        found |= members(interface)
    for name, interface in NESTED.items():
        if name in found:
            found = (found - {name}) | members(interface)
    return found - {"options", "input", "which", "call", "event", "tx", "token"} - ONLY_JAVASCRIPT


def operations_of(client: type) -> set[str]:
    return {name for name in dir(client) if not name.startswith("_")}


CLIENTS = [vetassist.Client, vetassist.aio.Client]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_operations_are_those_of_the_npm_package(client: type) -> None:
    in_transaction = {snake(name) for name in declared_operations("Transaction")}
    everywhere = in_transaction | {snake(name) for name in declared_operations("Client")}
    assert len(in_transaction) == 16 and len(everywhere) == 23
    # In JavaScript, waitUntil keeps an exchange alive.
    assert operations_of(client) - everywhere == {"settle"} and everywhere <= operations_of(client)
    assert operations_of(client.__mro__[1]) == in_transaction


@pytest.mark.parametrize("client", CLIENTS)
def test_the_parameters_are_those_of_the_npm_package(client: type) -> None:
    for interface in ("Transaction", "Client"):
        for name, text in declared_operations(interface).items():
            found = set(inspect.signature(getattr(client, snake(name))).parameters) - {"self", "connection"}
            expected = parameters_of(text)
            assert found == expected, name


def test_both_clients_have_the_same_signatures() -> None:
    for name in operations_of(vetassist.Client):
        one, other = (inspect.signature(getattr(client, name)) for client in CLIENTS)
        assert [each.replace(annotation=None) for each in one.parameters.values()] == [
            each.replace(annotation=None) for each in other.parameters.values()
        ], name
        assert list(one.parameters)[0] == "self", "help shows it as a method"
        assert inspect.getdoc(getattr(vetassist.Client, name)) == inspect.getdoc(getattr(vetassist.aio.Client, name))


@pytest.mark.parametrize("client", CLIENTS)
def test_the_options_are_those_of_the_npm_package(client: Any) -> None:
    assert set(inspect.signature(client).parameters) == members("Options") - ONLY_JAVASCRIPT


@pytest.mark.parametrize(
    "result", ["SignedIn", "Account", "ActiveSession", "SessionInfo", "TokenStatus", "GivenUp", "RotationStep"]
)
def test_the_results_are_those_of_the_npm_package(result: str) -> None:
    fields = {field.name for field in dataclasses.fields(getattr(names, result))}
    assert fields == members(result)


def test_the_error_codes_are_those_of_the_npm_package() -> None:
    declared = set(re.findall(r"'(ERR_\w+)'", DECLARED)) - {"ERR_ABORTED"}
    assert len(declared) > 15
    raised = {code for file in CLIENT.glob("*.py") for code in re.findall(r'"(ERR_\w+)"', file.read_text(encoding="utf-8"))}
    of_the_package = set(re.findall(r'"(ERR_\w+)"', (CLIENT.parent / "_errors.py").read_text(encoding="utf-8")))
    assert raised - of_the_package == declared


def test_the_outcomes_of_refreshes_are_those_of_the_npm_package() -> None:
    found = re.search(r"type: 'refresh'; userId: string; outcome: ([^;]+);", DECLARED)
    assert found is not None and names.RefreshEvent.__doc__ is not None
    assert set(re.findall(r"'(\w+)'", found[1])) == set(re.findall(r"`(\w+)`", names.RefreshEvent.__doc__))
