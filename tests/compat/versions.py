#!/usr/bin/env python3
"""Two versions of the programs, and a fleet that mixes them. `tests/compat/previous` names the commit of the older one.

    tests/compat/versions.py --build        builds it in build/previous, once (`make compat` does that first)
"""
import fcntl
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import harness

COMMIT = (Path(__file__).resolve().parent / "previous").read_text().strip()
FOLDER = harness.TOP / "build" / "previous"
NEW, OLD = harness.BUILD, FOLDER / "build"
PROGRAMS = ("clinsafe", "clinsafe-coordinator", "clinsafe-worker", "clinsafe-simulator")


def why_not():
    """Why the older version cannot be built here, or None."""
    if shutil.which("git") is None:
        return "there is no git"
    there = subprocess.run(["git", "-C", harness.TOP, "cat-file", "-e", f"{COMMIT}^{{commit}}"], stderr=subprocess.DEVNULL).returncode == 0
    return None if there else f"commit {COMMIT[:12]} of tests/compat/previous is not here (a shallow clone?)"


def build():
    """The files of that commit, built beside ours; its programs stay until the commit is another."""
    stamp = FOLDER / "built"
    FOLDER.parent.mkdir(exist_ok=True)
    with open(FOLDER.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == COMMIT:
            return
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
        archive = subprocess.Popen(["git", "-C", harness.TOP, "archive", COMMIT], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", FOLDER], stdin=archive.stdout, check=True)
        assert archive.wait() == 0
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MODE", "BUILD")}
        if shutil.which("ccache"):
            env = {"CC": "ccache gcc", "CCACHE_NOHASHDIR": "1", **env, "CCACHE_BASEDIR": str(FOLDER)}
        subprocess.run(["make", "-C", FOLDER, f"-j{os.cpu_count()}", f"VERSION={COMMIT[:7]}", *(f"build/{p}" for p in PROGRAMS)],
                       env=env, check=True, stdout=subprocess.DEVNULL)
        stamp.write_text(COMMIT)


class TestCase(harness.TestCase):
    """Needs the older programs."""

    @classmethod
    def setUpClass(cls):
        if why_not() is not None:
            raise unittest.SkipTest(f"the previous version: {why_not()}")
        build()  # in no test's time
        super().setUpClass()


class Fleet:
    """One store and its sockets; who serves and who works there is of either version, and may change."""

    def __init__(self, box, simulator=None, env=None, store=None, redis=None):
        self.box, self.dir, self.env, self.redis = box, box.dir, env or {}, redis
        self.store = store or self.dir / "d" / "store"
        self.store.parent.mkdir(exist_ok=True)
        self.simulator = ("--simulator", simulator.url) if simulator else ()
        self.workers = []

    def start(self, version, name, *args):
        redis = ("--redis", self.redis) if self.redis else ()
        return self.box.adopt(harness.Process([version / f"clinsafe-{name}", *args, *redis], env=self.env, cwd=self.dir))

    def serve(self, version, *args):
        ready = self.dir / "ready.json"
        ready.unlink(missing_ok=True)
        self.coordinator = self.start(version, "coordinator", "--dir", self.store, "--bind", f"ipc://{self.dir}/w", "--pub",
                                      f"ipc://{self.dir}/p", "--admin", f"ipc://{self.dir}/a", "--ready-file", ready, *args)
        harness.wait_for(ready.exists, what="the coordinator", process=self.coordinator)
        return self.coordinator

    def work(self, version, name, slots=8):
        self.workers.append(self.start(version, "worker", "--coordinator", f"ipc://{self.dir}/w", "--announce", f"ipc://{self.dir}/p",
                                       "--name", name, "--slots", slots, *self.simulator))
        return self.workers[-1]

    def cli(self, program, *args, code=0):
        """program: a version's folder, or a program's path."""
        path = program / "clinsafe" if program.is_dir() else program
        done = self.box.adopt(harness.Process([path, *args], env=self.env, cwd=self.dir)).wait(60)
        assert done.code == code, f"expected exit {code}\n{done}"
        return done

    def submit(self, program, study, code=0):
        return self.cli(program, "submit", study, "--coordinator", f"ipc://{self.dir}/a", code=code)

    def rows(self, version, *args):
        return harness.rows_jsonl(self.cli(version, "export", "--store", self.store, "--format", "jsonl", *args).out)

    def wait_until(self, n, version, what="answers", limit=90):
        """Until n trials have ended."""
        harness.wait_for(lambda: len(self.rows(version)) >= n, timeout=limit, what=f"{n} {what}", process=self.coordinator)

    def drain(self, version):
        """What flies is finished, all end."""
        self.cli_drain = self.box.adopt(harness.Process([version / "clinsafe", "drain", "--coordinator", f"ipc://{self.dir}/a"]))
        assert self.coordinator.wait(60).code == 0, self.coordinator.printed()[-2000:]
        for worker in self.workers:
            worker.wait(60)


def keys(rows):
    """What names a trial for people."""
    return [tuple(v for k, v in row.items() if k in ("model", "case_id", "question", "repeat") or k.startswith(("factor.", "wording.")))
            for row in rows]


if __name__ == "__main__":
    if sys.argv[1:] != ["--build"]:
        sys.exit(__doc__)
    if why_not() is None:
        build()
    else:
        print(f"skipped: the previous version: {why_not()}")
