"""Packages that others publish, got once into the user's cache: a folder for each list of them, complete or got anew.

Parts that run side by side may ask for the same list: one gets it, the others wait. A changed list is another folder.
"""
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

INSTALL_LIMIT_S = 900
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clinsafe-conformance"


class Missing(Exception):
    """A referee cannot be here; says why."""


def _once(name, what, listing, get, steps):
    """The folder of a list, which steps(folder) fills. what: its packages, as a sentence names them."""
    folder = CACHE / f"{name}-{hashlib.sha256(listing.encode()).hexdigest()[:12]}"
    if (folder / "complete").exists():
        return folder
    if not get:
        raise Missing(f"{what} not in {CACHE}; --install gets them")
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            for command in steps(folder):
                _run(what, folder, command)
            (folder / "complete").touch()
    return folder


def _run(what, folder, command):
    try:
        done = subprocess.run([str(c) for c in command], cwd=folder, capture_output=True, text=True, timeout=INSTALL_LIMIT_S)
    except (OSError, subprocess.SubprocessError) as e:
        raise Missing(f"{what} could not be installed: {e}") from e
    if done.returncode != 0:
        raise Missing(f"{what} could not be installed: {(done.stderr or done.stdout).strip()[-400:]}")


def environment(name, *lists, get=True, what=None):
    """The interpreter of a virtual environment that has these: arguments of pip, list after list."""
    def steps(folder):
        yield [sys.executable, "-m", "venv", "venv"]
        for given in lists:
            yield [folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *given]
    return _once(name, what or name, repr((sys.version_info[:2], lists)), get, steps) / "venv" / "bin" / "python"


def modules(name, listing, get=True):
    """The folder whose node_modules a package.json with this text describes."""
    def steps(folder):
        if shutil.which("npm") is None or shutil.which("node") is None:
            raise Missing(f"{name}: npm or node is not installed")
        (folder / "package.json").write_text(listing)
        yield ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    return _once(name, name, listing, get, steps)


def again_with(name, what, *lists):
    """Runs this program once more where its packages are, without --install; its exit status. They are not there: says so, 0."""
    try:
        python = environment(name, *lists, what=what)
    except Missing as why:
        print(f"skipped: {why}\n0 passed, 0 failed, 1 skipped")
        return 0
    with contextlib.suppress(ValueError):
        sys.argv.remove("--install")
    return subprocess.run([python, *sys.argv]).returncode
