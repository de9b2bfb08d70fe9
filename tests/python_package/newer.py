"""Fetches CPythons that are newer than those of this Debian, from the packages of its next release. Nothing is installed."""

import os
import pathlib
import platform
import shutil
import subprocess

SUITE = "forky"
MINORS = (14, 15)
# pip, for environments of these Pythons, in which Debian's ensurepip does not work.
PIP = "python3-pip-whl"
# Data of packages, which Python does not need.
LEFT_OUT = ("debconf", "gcc-", "libc-gconv", "media-types", "netbase", "readline-common", "tzdata")
SETTINGS = """Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State::Lists "{folder}/lists";
Dir::State::Status "{folder}/status";
Dir::Cache "{folder}/cache";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
"""


def root(minor):
    """Returns the folder of a version in the cache, which all clones share."""
    base = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    return base / "vetassist/tools" / f"python3.{minor}-{SUITE}"


def run(*command, **more):
    """Runs a program, and returns its output."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise OSError(f"{command[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def mirror():
    """Returns the address of the Debian archive that this machine's apt uses."""
    targets = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(LABEL)", "Identifier: Packages")
    found = [line.split()[0] for line in targets.splitlines() if line.endswith(" Debian Debian")]
    if not found:
        raise OSError("apt has no Debian archive: run apt-get update")
    return found[0]


def download(minor, folder):
    """Downloads a Python with its dependencies, as for an empty machine, and returns the archives. apt verifies them."""
    archives = folder / "cache/archives"
    for partial in (archives / "partial", folder / "lists/partial"):
        partial.mkdir(parents=True)
    key = "signed-by=/usr/share/keyrings/debian-archive-keyring.gpg"
    (folder / "sources.list").write_text(f"deb [{key}] {mirror()} {SUITE} main\n")
    (folder / "status").touch()
    (folder / "apt.conf").write_text(SETTINGS.format(folder=folder))
    environ = {**os.environ, "APT_CONFIG": str(folder / "apt.conf")}
    run("apt-get", "-qq", "update", env=environ)
    run("apt-get", "-qq", "-y", "--download-only", "install", f"python3.{minor}", env=environ)
    run("apt-get", "-qq", "download", PIP, env=environ, cwd=archives)
    return [path for path in archives.glob("*.deb") if not path.name.startswith(LEFT_OUT)]


def fetch(minor):
    """Returns the program of a Python, which is fetched when it is missing."""
    home = root(minor)
    program = home / f"usr/bin/python3.{minor}"
    if not program.exists():
        new = home.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        for archive in download(minor, new / "apt"):
            run("dpkg", "-x", archive, new / "tree")
        libraries = home / f"usr/lib/{platform.machine()}-linux-gnu"
        (loader,) = (new / "tree/usr/lib" / libraries.name).glob("ld-linux-*.so.*")
        own = new / "tree" / program.relative_to(home)
        # The path of the libraries serves the extension modules too, because it is a DT_RPATH.
        run("patchelf", "--set-interpreter", libraries / loader.name, "--force-rpath", "--set-rpath", libraries, own)
        (new / "tree").rename(home)
        shutil.rmtree(new)
    return str(program)


def pip_of(program):
    """Returns the archive of pip that came with a fetched Python; None for other Pythons."""
    home = pathlib.Path(program).parents[2]
    found = home.glob("usr/share/python-wheels/pip-*.whl") if home.name.endswith(f"-{SUITE}") else ()
    return next(iter(found), None)
