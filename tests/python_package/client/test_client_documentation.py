"""Runs the Python examples of README.md and docs/, and compares docs/python.md with the package."""

from __future__ import annotations

import inspect
import pathlib
import re

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


def exchange(refresh_token: str, context: vetassist.client.RefreshContext) -> dict[str, str]:
    """Stands for the token endpoint, which no example calls because its tokens are not due."""
    raise AssertionError("a token that was not due was exchanged")


def test_the_pages_have_python_examples() -> None:
    assert len(BLOCKS) >= 4


@pytest.mark.parametrize("code", BLOCKS)
def test_each_python_example_of_the_pages_runs(code: str) -> None:
    with databases.made("page") as database:
        about = {"host": databases.SOCKET, "user": databases.SERVICE, "dbname": database.name}
        with psycopg_pool.ConnectionPool(kwargs=about, min_size=1, max_size=2, open=True) as pool:
            exec(compile(code, "page", "exec"), {"pool": pool, "exchange": exchange})


def first_column(heading: str, nth: int = 0) -> set[str]:
    """Returns the names in the first column of a table below a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\n)+", section, re.M)
    rows = tables[nth].splitlines()[2:]
    return {name for row in rows for code in re.findall(r"`([^`]+)`", row.split(" | ")[0]) for name in re.findall(r"^\w+(?:\.\w+)?", code)}


def test_the_page_lists_the_options_of_the_client() -> None:
    options = set(inspect.signature(vetassist.Client).parameters) - {"db"}
    assert first_column("The client", 0) == options


def test_the_page_lists_the_operations_of_the_client() -> None:
    operations = {name for name in dir(vetassist.Client) if not name.startswith("_")}
    assert first_column("The client", 1) == operations


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
