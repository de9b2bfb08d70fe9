"""Tests the Python package's wheel: installs it into an environment of each available Python, and runs pytest.

    python tests/python_package/run.py FOLDER_OF_THE_WHEEL [--all | --clients]

With --all, every CPython from 3.9 on that is in PATH or in pyenv is used; otherwise only the one that runs this script.
With --clients, the tests of the clients run, which use the server that the environment names; otherwise all other tests.
"""

import glob
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
OLDEST = (3, 9)
# This file uses the type checkers, which require a newer Python than the package does.
TYPES = "test_module_types.py"
CLIENTS = HERE / "client"
PYTEST = ["-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]


def version_of(program):
    """Returns a Python's version, and whether it is free-threaded; None if it does not run."""
    code = "import sys, platform; print(*sys.version_info[:2], platform.python_implementation(), sys.abiflags)"
    done = subprocess.run([program, "-c", code], capture_output=True, text=True, check=False)
    found = re.fullmatch(r"(\d+) (\d+) CPython ?(t?)", done.stdout.strip())
    return found and (int(found[1]), int(found[2]), found[3])


def pythons():
    """Returns each available CPython by its version."""
    found = {}
    root = os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv")
    candidates = [shutil.which(f"python3.{minor}{flag}") for minor in range(9, 20) for flag in ("", "t")]
    candidates += glob.glob(f"{root}/versions/*/bin/python")
    for program in filter(None, candidates):
        version = version_of(program)
        if version and version[:2] >= OLDEST:
            found.setdefault(version, program)
    return found


def environment(version, program, requirements):
    """Returns the Python of an environment with these requirements, which is created again when they change."""
    folder = TOP / os.environ.get("CARGO_TARGET_DIR", "target") / "python-tests" / ".".join(map(str, version)).rstrip(".")
    python, stamp = folder / "bin/python", folder / "requirements.txt"
    wanted = "".join((HERE / name).read_text() for name in requirements)
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([program, "-m", "venv", "--clear", folder], check=True)
        files = [part for name in requirements for part in ("-r", HERE / name)]
        pip(python, "install", "--quiet", *files)
        # Written last, so that an incomplete environment is created again.
        stamp.write_text(wanted)
    return python


def pip(python, *arguments, check=True):
    """Runs pip."""
    command = [python, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, check=check, capture_output=not check, text=True)


def test(version, program, wheel, with_types):
    """Installs the wheel, and runs the tests in one Python."""
    name = ".".join(map(str, version)).rstrip(".")
    started = time.monotonic()
    requirements = ["requirements.txt"] + ["requirements-types.txt"] * with_types
    python = environment(version, program, requirements)
    installed = pip(python, "install", "--quiet", "--no-deps", "--force-reinstall", wheel, check=False)
    if version[2]:
        # The wheel does not support free-threaded CPython, and pip reports this.
        assert installed.returncode != 0 and "not a supported wheel" in installed.stderr, installed
        print(f"    CPython {name}: the wheel is refused", flush=True)
        return
    assert installed.returncode == 0, installed.stderr
    pytest = [python, *PYTEST, "-W", "error::pytest.PytestUnraisableExceptionWarning", f"--ignore={CLIENTS}"]
    ignored = [] if with_types else [f"--ignore={HERE / TYPES}"]
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "VETASSIST_TEST_WHEEL": str(wheel)}
    subprocess.run([*pytest, *ignored, HERE], check=True, cwd=TOP, env=environ)
    print(f"    CPython {name}: {time.monotonic() - started:.0f} s", flush=True)


def test_clients(version, program, wheel):
    """Installs the wheel and the database drivers, and runs the tests of the clients."""
    python = environment((*version[:2], "clients"), program, ["client/requirements.txt"])
    pip(python, "install", "--quiet", "--no-deps", "--force-reinstall", wheel)
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([python, *PYTEST, "--durations=5", "-W", "error", CLIENTS], check=True, cwd=TOP, env=environ)


def main():
    """Runs the tests in one Python or in all."""
    folder, *options = sys.argv[1:]
    (wheel,) = pathlib.Path(folder).resolve().glob("*.whl")
    base = getattr(sys, "_base_executable", sys.executable)
    here = version_of(base)
    if "--clients" in options:
        test_clients(here, base, wheel)
        return
    everywhere = pythons() if "--all" in options else {}
    everywhere[here] = base
    for version, program in sorted(everywhere.items()):
        test(version, program, wheel, with_types=version == here)


if __name__ == "__main__":
    main()
