"""Tests the Python package's wheel: installs it into an environment of each available Python, and runs pytest.

    python tests/python_package/run.py FOLDER_OF_THE_WHEEL [--all | --clients]

With --all, every CPython from 3.9 on that is in PATH or in pyenv is used, the newer ones are fetched, older ones must refuse the
wheel, and the package is built from its source archive; otherwise only the Python that runs this script is used.
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

import newer

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
    """Returns each CPython that is available or can be fetched, by its version."""
    found = {}
    root = os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv")
    candidates = [shutil.which(f"python3.{minor}{flag}") for minor in range(8, 20) for flag in ("", "t")]
    candidates += glob.glob(f"{root}/versions/*/bin/python")
    for program in filter(None, candidates):
        version = version_of(program)
        if version and version[0] == 3:
            found.setdefault(version, program)
    for minor in newer.MINORS:
        try:
            if (3, minor, "") not in found:
                found[3, minor, ""] = newer.fetch(minor)
        except OSError as error:
            print(f"    CPython 3.{minor} is not tested, because it cannot be fetched: {error}", flush=True)
    return found


def environment(version, program, requirements):
    """Returns the Python of an environment with these requirements, which is created again when they change."""
    folder = TOP / os.environ.get("CARGO_TARGET_DIR", "target") / "python-tests" / named(version)
    python, stamp = folder / "bin/python", folder / "requirements.txt"
    wanted = "".join((HERE / name).read_text() for name in requirements)
    if not stamp.exists() or stamp.read_text() != wanted:
        archive = newer.pip_of(program)
        subprocess.run([program, "-m", "venv", "--clear", *["--without-pip"] * bool(archive), folder], check=True)
        if archive:
            subprocess.run([python, f"{archive}/pip", "install", "--quiet", "--no-index", archive], check=True)
        files = [part for name in requirements for part in ("-r", HERE / name)]
        if files:
            pip(python, "install", "--quiet", *files)
        # Written last, so that an incomplete environment is created again.
        stamp.write_text(wanted)
    return python


def pip(python, *arguments, check=True):
    """Runs pip."""
    command = [python, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, check=check, capture_output=not check, text=True)


def test_refusal(version, program, wheel):
    """Asserts that pip refuses the wheel in a Python that is too old or free-threaded, and says why."""
    python = environment(version, program, [])
    installed = pip(python, "install", "--no-deps", wheel, check=False)
    assert installed.returncode != 0 and "is not a supported wheel on this platform" in installed.stderr, installed
    print(f"    CPython {named(version)}: the wheel is refused", flush=True)


def test_source(program, wheel):
    """Installs the package from its source archive into a new environment, as pip does where no wheel fits."""
    started = time.monotonic()
    python = environment((*version_of(program)[:2], ".source"), program, [])
    (archive,) = wheel.parent.glob("*.tar.gz")
    pip(python, "install", "--quiet", "--force-reinstall", archive)
    code = "import vetassist; key = vetassist.Key(bytes(32)); print(key.open_text(key.seal('built from source')))"
    subprocess.run([python, "-c", code], check=True, cwd=HERE)
    print(f"    the source archive: {time.monotonic() - started:.0f} s", flush=True)


def named(version):
    """Returns a version as text."""
    return "{}.{}{}".format(*version)


def test(version, program, wheel, with_types, with_all):
    """Installs the wheel, and runs the tests in one Python."""
    started = time.monotonic()
    requirements = ["requirements.txt"] + ["requirements-types.txt"] * with_types
    python = environment(version, program, requirements)
    pip(python, "install", "--quiet", "--no-deps", "--force-reinstall", wheel)
    pytest = [python, *PYTEST, "-W", "error::pytest.PytestUnraisableExceptionWarning", f"--ignore={CLIENTS}"]
    ignored = [] if with_types else [f"--ignore={HERE / TYPES}"]
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "VETASSIST_TEST_WHEEL": str(wheel)}
    environ.update({"VETASSIST_TEST_ALL": "1"} if with_all else {})
    subprocess.run([*pytest, *ignored, HERE], check=True, cwd=TOP, env=environ)
    print(f"    CPython {named(version)}: {time.monotonic() - started:.0f} s", flush=True)


def test_clients(version, program, wheel):
    """Installs the wheel and the database drivers, and runs the tests of the clients."""
    python = environment((*version[:2], ".clients"), program, ["client/requirements.txt"])
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
    is_all = "--all" in options
    everywhere = pythons() if is_all else {}
    everywhere[here] = base
    for version, program in sorted(everywhere.items()):
        if version[:2] < OLDEST or version[2]:
            test_refusal(version, program, wheel)
        else:
            # The type checkers run in one Python, and so do ten million calls.
            test(version, program, wheel, with_types=version == here, with_all=is_all and version == here)
    if is_all:
        test_source(base, wheel)


if __name__ == "__main__":
    main()
