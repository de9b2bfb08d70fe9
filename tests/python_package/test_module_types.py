"""Tests that the stubs agree with the module, and that an example passes mypy and pyright at their strictest settings."""

import os
import pathlib
import subprocess
import sys

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


def test_the_package_passes_mypy():
    status, said = run("mypy", "--strict", "--python-version", "3.9", "-p", "vetassist")
    assert status == 0, said


def test_the_example_passes_mypy_and_pyright():
    for checker in (["mypy", "--strict"], ["pyright", "--pythonpath", sys.executable]):
        status, said = run(*checker, str(EXAMPLE))
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
