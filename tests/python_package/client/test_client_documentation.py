"""Runs the Python examples of README.md and docs/, and compares docs/python.md with the package."""

from __future__ import annotations

import dataclasses
import inspect
import pathlib
import re
from typing import Any

import databases
import psycopg_pool
import pytest
import vetassist
import vetassist.client
from vetassist._errors import _CLASSES

TOP = pathlib.Path(__file__).resolve().parents[3]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md"))]
PAGE = (TOP / "docs/python.md").read_text(encoding="utf-8")
BLOCKS = [
    pytest.param(code, id=f"{page.relative_to(TOP)}-{number}")
    for page in PAGES
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S))
]


def test_the_pages_have_python_examples() -> None:
    assert len(BLOCKS) >= 4


@pytest.mark.parametrize("code", BLOCKS)
def test_each_python_example_of_the_pages_runs(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with databases.made("page") as database:
        # The front page connects as psql does. The other pages have a pool.
        for name, value in [("HOST", databases.SOCKET), ("USER", databases.SERVICE), ("DATABASE", database.name)]:
            monkeypatch.setenv(f"PG{name}", value)
        with psycopg_pool.ConnectionPool(min_size=1, max_size=2, open=True) as pool:
            names: dict[str, Any] = {"pool": pool}
            exec(compile(code, "page", "exec"), names)
            names["pool"].close()


def first_column(heading: str, nth: int = 0) -> set[str]:
    """Returns the names in the first column of a table below a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\n)+", section, re.M)
    rows = tables[nth].splitlines()[2:]
    return {name for row in rows for code in re.findall(r"`([^`]+)`", row.split(" | ")[0]) for name in re.findall(r"^\w+(?:\.\w+)?", code)}


def test_the_page_lists_the_options_of_the_client() -> None:
    options = set(inspect.signature(vetassist.Client).parameters) - {"db"}
    assert first_column("The client", 0) == options


def test_the_page_lists_the_defaults_of_the_options() -> None:
    for name, option in inspect.signature(vetassist.Client).parameters.items():
        if name != "db":
            assert f"`{name}={_written(option.default)}`" in PAGE, name


def test_the_page_lists_the_operations_of_the_client_with_their_parameters() -> None:
    operations = {name for name in dir(vetassist.Client) if not name.startswith("_")}
    assert first_column("The client", 1) == operations
    for name in operations:
        parts: list[str] = []
        for parameter in list(inspect.signature(getattr(vetassist.Client, name)).parameters.values())[1:]:
            if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
                parts.append("*")
            has_default = parameter.default is not parameter.empty
            parts.append(f"{parameter.name}={_written(parameter.default)}" if has_default else parameter.name)
        assert f"| `{name}({', '.join(parts)})` |" in PAGE, name


def _written(default: object) -> str:
    return repr(default).replace("'", '"')


def test_the_page_lists_the_fields_of_the_results() -> None:
    for result in ("SignedIn", "StartedSession", "ActiveSession", "AccessToken", "TokenStatus", "GivenUp", "Erased", "Refreshed", "RotationStep"):
        row = next(line for line in PAGE.splitlines() if f"`{result}`" in line)
        for field in dataclasses.fields(getattr(vetassist.client, result)):
            assert f"`{field.name}`" in row, (result, field.name)


def test_every_code_of_the_clients_operations_is_on_a_page() -> None:
    folder = pathlib.Path(vetassist.client.__file__).parent
    codes = {code for file in folder.glob("*.py") for code in re.findall(r'"(ERR_\w+)"', file.read_text(encoding="utf-8"))}
    pages = PAGE + (TOP / "docs/javascript.md").read_text(encoding="utf-8")
    assert len(codes) > 15 and [code for code in codes if f"`{code}`" not in pages] == []


def test_the_page_lists_the_functions_of_the_package() -> None:
    said = {name.split(".")[0] for name in first_column("Functions")}
    methods = {"seal", "open", "open_text", "seal_to_text", "open_from_text", "free", "derive_user_key", "encrypt_token", "decrypt_token", "fingerprints"}
    rows = {"AuthAudit", "Session", "User", "VaToken", "Checkpoint", "SchemaDifference"}
    errors = {name for name in vetassist.__all__ if name.endswith("Error")}
    assert said - methods == set(vetassist.__all__) - rows - errors - {"Client", "__version__"}


def test_the_page_lists_the_errors_of_the_package() -> None:
    for line in PAGE.split("\n## Errors\n")[1].splitlines():
        found = re.match(r"\| `(\w+)`.* \| (.*) \|", line)
        kind = found and getattr(vetassist, found[1], None)
        if found and kind not in (None, vetassist.InvalidValueError):
            assert set(re.findall(r"`(ERR_\w+)`", found[2])) == {code for code, of in _CLASSES.items() if of is kind}, line
