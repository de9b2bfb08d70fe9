"""Tests that the stubs agree with the module, and that an example passes mypy and pyright at their strictest settings."""

import ast
import os
import pathlib
import re
import subprocess
import sys

import pytest

import vetassist
from vetassist import _native

EXAMPLE = pathlib.Path(__file__).with_name("example_types.py")


def run(*arguments):
    cache = pathlib.Path(sys.prefix) / "mypy-cache"
    environ = {**os.environ, "MYPY_CACHE_DIR": str(cache), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, check=False, env=environ, cwd=EXAMPLE.parent
    )
    return done.returncode, done.stdout + done.stderr


def test_the_stubs_agree_with_the_module():
    status, said = run("mypy.stubtest", "vetassist._native")
    assert status == 0, said


def in_stubs():
    """Returns what the stubs declare, by its name: the docstring, or None if there is none."""
    stubs = pathlib.Path(_native.__file__).with_name("_native.pyi")
    tree = ast.parse(stubs.read_text(encoding="utf-8"))
    found = {}
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = ast.get_docstring(node)
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    # The first overload has the docstring.
                    found.setdefault(f"{node.name}.{part.name}", ast.get_docstring(part))
    return found


def in_module():
    """Returns the same of the module, without the methods that every object has."""
    names = [name for name in _native.__all__ if callable(getattr(_native, name))]
    found = {name: getattr(_native, name).__doc__ for name in names}
    for of in (_native.Key, _native.MasterKey, _native.KeyRing):
        for name in vars(of):
            if name not in ("__doc__", "__module__", "__repr__", "__hash__", "__eq__"):
                found[f"{of.__name__}.{name}"] = None if name.startswith("__") else getattr(of, name).__doc__
    return found


def test_the_stubs_have_the_names_and_docstrings_of_the_module():
    """stubtest does not compare docstrings, nor does it miss special methods."""
    stubs, module = in_stubs(), in_module()
    assert set(stubs) == set(module)
    for name, text in stubs.items():
        if text is not None or name in vetassist.__all__:
            # The stubs have the markup of Sphinx.
            assert re.sub(r":\w+:|`", "", " ".join(text.split())) == " ".join(module[name].replace("`", "").split()), name


def test_the_package_passes_mypy():
    status, said = run("mypy", "--strict", "--python-version", "3.9", "-p", "vetassist")
    assert status == 0, said


@pytest.mark.parametrize("version", ["3.9", "3.11", "3.14"])
def test_the_example_passes_mypy_and_pyright(version):
    for checker in (["mypy", "--strict", "--python-version"], ["pyright", "--pythonpath", sys.executable, "--pythonversion"]):
        status, said = run(*checker, version, str(EXAMPLE))
        assert status == 0, said


def test_type_checkers_find_the_marked_mistakes(tmp_path):
    """Both type checkers must report each line of the example that is marked as wrong."""
    lines = EXAMPLE.read_text(encoding="utf-8").split("\n")
    wrong = [number for number, line in enumerate(lines, 1) if "# type: ignore" in line]
    assert len(wrong) > 5
    stripped = tmp_path / "mistakes.py"
    stripped.write_text("\n".join(line.split("  # type: ignore")[0] for line in lines), encoding="utf-8")
    for checker in (["mypy", "--strict"], ["pyright", "--pythonpath", sys.executable]):
        status, said = run(*checker, str(stripped))
        assert status == 1
        for number in wrong:
            assert f"mistakes.py:{number}:" in said, (checker, number, said)


def test_the_example_runs():
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr
