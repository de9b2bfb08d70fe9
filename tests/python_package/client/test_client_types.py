"""Checks the types of the clients and of the examples with mypy and pyright at their strictest settings."""

from __future__ import annotations

import ast
import inspect
import os
import pathlib
import re
import subprocess
import sys

import pytest
import use_operations
import vetassist
import vetassist.aio

HERE = pathlib.Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
CHECKERS = {"mypy": ["mypy", "--strict"], "pyright": ["pyright", "--pythonpath", sys.executable]}


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Returns the folder of mypy's cache, so that mypy reads the drivers only once."""
    return tmp_path_factory.mktemp("mypy")


def said(checker: str, cache: pathlib.Path, folder: pathlib.Path, *files: str) -> str:
    """Returns the output of a type checker, or an empty string if it found no error."""
    environment = {**os.environ, "MYPY_CACHE_DIR": str(cache), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    command = [sys.executable, "-m", *CHECKERS[checker], *files]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("checker", list(CHECKERS))
def test_type_checkers_find_exactly_the_marked_mistakes(checker: str, cache: pathlib.Path, tmp_path: pathlib.Path) -> None:
    lines = (HERE / "use_client.py").read_text(encoding="utf-8").split("\n")
    wrong = {number for number, line in enumerate(lines, 1) if "# type: ignore" in line}
    assert len(wrong) > 10
    mistakes = "\n".join(line.split("  # type: ignore")[0] for line in lines)
    (tmp_path / "mistakes.py").write_text(mistakes, encoding="utf-8")
    found = said(checker, cache, tmp_path, "mistakes.py")
    assert {int(number) for number in re.findall(r"mistakes\.py:(\d+):.*error", found)} == wrong, found


def test_the_examples_pass_mypy(cache: pathlib.Path) -> None:
    assert said("mypy", cache, EXAMPLES / "python-fastapi", "service.py") == ""
    assert said("mypy", cache, EXAMPLES / "python-moving" / "after", "service.py", "token_crypto.py") == ""


@pytest.mark.parametrize("checker", list(CHECKERS))
def test_type_checkers_accept_a_use_of_every_operation(checker: str, cache: pathlib.Path, tmp_path: pathlib.Path) -> None:
    text = (HERE / "use_operations.py").read_text(encoding="utf-8")
    (tmp_path / "use_operations.py").write_text(text, encoding="utf-8")
    assert said(checker, cache, tmp_path, "use_operations.py") == ""


def test_the_example_uses_every_operation_with_every_parameter() -> None:
    for client, functions in [
        (vetassist.Client, (use_operations.in_blocking_transaction, use_operations.blocking)),
        (vetassist.aio.Client, (use_operations.in_asynchronous_transaction, use_operations.asynchronous)),
    ]:
        text = "".join(inspect.getsource(each) for each in functions)
        calls = [each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Call)]
        used: dict[str, set[object]] = {}
        for call in calls:
            if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) and call.func.value.id == "client":
                signature = inspect.signature(getattr(client, call.func.attr))
                names = [*list(signature.parameters)[1 : len(call.args) + 1], *(each.arg for each in call.keywords)]
                used.setdefault(call.func.attr, set()).update(names)
        for name in dir(client):
            if not name.startswith("_"):
                assert used[name] == set(inspect.signature(getattr(client, name)).parameters) - {"self"}, name
