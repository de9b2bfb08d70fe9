"""Tests the package: its wheel, its source archive, and its README with the examples."""

import doctest
import importlib.metadata
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import zipfile

import packaging.metadata
import pytest
from module_support import TOP

import vetassist
from vetassist import _errors

README = TOP / "crates/vetassist-py/README.md"
WHEEL = os.environ.get("VETASSIST_TEST_WHEEL")


def test_the_readmes_examples_give_the_shown_results():
    found = doctest.testfile(str(README), module_relative=False, globs={})
    assert found.attempted > 15 and found.failed == 0


def test_the_readme_names_every_function_class_and_method():
    text = README.read_text(encoding="utf-8")
    exported = set(vetassist.__all__) - {"__version__", "Checkpoint", "SchemaDifference", "User", "VaToken", "Session", "AuthAudit"}
    named = set(re.findall(r"`(\w+)[`(.]", text)) | set(re.findall(r"`\w+\.(\w+)\(", text))
    assert {name for name in exported if not name.startswith("parse_")} - named == set()
    for of in (vetassist.Key, vetassist.MasterKey, vetassist.KeyRing):
        assert {name for name in vars(of) if not name.startswith("_")} - named == set()


def test_the_readme_has_every_code_with_its_class():
    rows = dict(re.findall(r"^\| `(ERR_\w+)` .* \| `(\w+)` \|$", README.read_text(encoding="utf-8"), re.MULTILINE))
    known = {code: of.__name__ for code, of in _errors._CLASSES.items()}
    source = "".join(path.read_text() for path in (TOP / "crates/vetassist-py/src").glob("*.rs"))
    raised = set(re.findall(r'"(ERR_\w+)"', source))
    assert raised - set(rows) == set()
    assert {code: of for code, of in rows.items() if of != "VetassistError"}.items() <= known.items()


def test_the_metadata_states_version_license_and_python():
    metadata = importlib.metadata.metadata("vetassist")
    assert metadata["Version"] == vetassist.__version__
    assert metadata["License-Expression"] == "MIT OR Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.9"
    assert "Requires-Dist" not in metadata
    assert "ERR_OPEN_FAILED" in (metadata["Description"] or metadata.get_payload())


def test_the_metadata_is_valid_and_names_this_python():
    with zipfile.ZipFile(WHEEL) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = packaging.metadata.Metadata.from_email(wheel.read(name), validate=True)
    assert metadata.description.strip() == README.read_text(encoding="utf-8").strip()
    assert metadata.description_content_type.startswith("text/markdown")
    # The description is shown outside of the repository, where relative links lead nowhere.
    assert not re.findall(r"\]\((?!https:)", metadata.description)
    assert "Programming Language :: Python :: {}.{}".format(*sys.version_info) in metadata.classifiers
    assert metadata.license_files == ["LICENSE-APACHE", "LICENSE-MIT"]


def test_the_wheel_has_the_required_files_and_no_others():
    """`cargo xtask test python` sets VETASSIST_TEST_WHEEL to the wheel."""
    assert WHEEL, "VETASSIST_TEST_WHEEL is not set"
    assert re.fullmatch(r"vetassist-[\d.]+-cp39-abi3-manylinux_\d+_\d+_\w+\.whl", pathlib.Path(WHEEL).name)
    with zipfile.ZipFile(WHEEL) as wheel:
        names = wheel.namelist()
        module = wheel.read("vetassist/_native.abi3.so")
    for needed in ("vetassist/py.typed", "vetassist/_native.pyi", "LICENSE-MIT", "LICENSE-APACHE"):
        assert any(name.endswith(needed) for name in names), needed
    assert not [name for name in names if "test" in name or "pycache" in name]
    # The module must not contain paths of the machine that built it.
    home = str(pathlib.Path.home()).encode()
    assert str(TOP).encode() not in module and home not in module
    assert len(module) < 2 << 20


def test_the_source_archive_has_the_required_files():
    (path,) = pathlib.Path(WHEEL).parent.glob("vetassist-*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    needed = {"Cargo.lock", "LICENSE-MIT", "LICENSE-APACHE", "README.md", "crates/vetassist-core/src/lib.rs", "python/vetassist/py.typed"}
    assert needed - names == set()
    assert not [name for name in names if name.startswith(("tests", "target"))]


@pytest.mark.parametrize("module", ["vetassist", "vetassist._native"])
def test_everything_has_a_docstring(module):
    code = f"""
import {module} as module
for name in module.__all__:
    value = getattr(module, name)
    parts = [value] + [part for key, part in getattr(value, "__dict__", {{}}).items() if key[0] != "_"]
    for part in parts:
        if callable(part) and not (part.__doc__ or "").strip():
            print(name, part)
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == ""


def test_importing_is_quick_and_brings_no_driver():
    code = "import sys, vetassist; print(sorted({'asyncpg', 'psycopg', 'psycopg2', 'asyncio', 'ssl'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
