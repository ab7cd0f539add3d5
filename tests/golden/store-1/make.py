#!/usr/bin/env python3
"""Makes the golden stores anew with the programs in a build folder: make.py BUILD [main] [twin] [accounts] (README.md).

Every step waits for what it needs; nothing is chosen by chance but times, ids of processes, and the order in which answers come.
"""
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from provider import Provider

HERE = Path(__file__).resolve().parent
BUILD = Path(sys.argv[1]).resolve()
ENV = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "GOLDEN_KEY": "golden"}


def wait_for(condition, what, limit=90):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.02)


class Fleet:
    """A coordinator and its workers on one store, driven as an operator would."""

    def __init__(self, folder, *args):
        self.run = Path(tempfile.mkdtemp(prefix="golden-"))
        self.dir, self.workers = folder, []
        folder.mkdir(parents=True, exist_ok=True)
        self.log = open(self.run / "log", "w")
        ready = self.run / "ready"
        self.coordinator = self.start("coordinator", "--dir", folder / "store", "--bind", f"ipc://{self.run}/w", "--admin",
                                      f"ipc://{self.run}/a", "--ready-file", ready, *args)
        wait_for(ready.exists, "the coordinator")

    def start(self, name, *args):
        return subprocess.Popen([BUILD / f"clinsafe-{name}", *map(str, args)], env=ENV, stdout=self.log, stderr=self.log,
                                preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL))  # none outlives this script

    def worker(self, slots=8):
        self.workers.append(self.start("worker", "--coordinator", f"ipc://{self.run}/w", "--slots", slots))
        return self.workers[-1]

    def cli(self, *args, check=True):
        args = [BUILD / "clinsafe", *map(str, args), "--coordinator", f"ipc://{self.run}/a"]
        return subprocess.run(args, env=ENV, check=check)

    def drain(self):
        self.cli("drain", check=False)  # it may be gone before its reply
        assert self.coordinator.wait(60) == 0
        for w in self.workers:
            w.wait(60)

    def stop(self):
        """What runs is killed, but for the coordinator, which ends by itself."""
        for w in self.workers:
            if w.poll() is None:
                w.kill()
                w.wait()
        self.coordinator.send_signal(signal.SIGTERM)
        assert self.coordinator.wait(60) == 0


def rows(folder, study):
    args = [BUILD / "clinsafe", "export", study, "--dir", folder, "--format", "jsonl", "--all"]
    return [json.loads(line) for line in subprocess.run(args, env=ENV, check=True, stdout=subprocess.PIPE).stdout.splitlines()]


def ended(folder, study, n):
    return lambda: sum(r["state"] != "planned" for r in rows(folder, study)) >= n


def verify(folder, study):
    args = [BUILD / "clinsafe", "verify", study, "--dir", folder, "--json"]
    done = subprocess.run(args, env=ENV, stdout=subprocess.PIPE)
    return {"exit": done.returncode, **json.loads(done.stdout)}


def keep(name, study, folder, first):
    """The study as it is now, the data of the store, and what the old programs say of both generations."""
    contents = {"verify": verify(folder, study), "first": first, "second": rows(folder, study)}
    with open(HERE / name / "contents.json", "w") as out:
        out.write("{" + ",\n".join(f'"{k}": ' + (json.dumps(v) if k == "verify" else "[\n" + ",\n".join(map(json.dumps, v)) + "]")
                                   for k, v in contents.items()) + "}\n")
    shutil.rmtree(HERE / name / "store", ignore_errors=True)
    shutil.copytree(folder / "store", HERE / name / "store", ignore=shutil.ignore_patterns("LOG*", "LOCK"))
    shutil.copy(folder / "store.acked", HERE / name / "store.acked")
    for file in study.parent.glob("*.*"):
        if file.is_file():
            shutil.copy(file, HERE / name)


def copy(name):
    to = Path(tempfile.mkdtemp(prefix="golden-")) / name
    shutil.copytree(HERE / name / "first", to)
    return to / "study.yaml", to / "study.clinsafe"


def edit(path, *pairs):
    text = path.read_text()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)


def make_main(provider):
    study, folder = copy("main")
    fleet = Fleet(folder)
    fleet.cli("submit", study)
    # A duplicate: a worker sleeps over the end of its lease; another asks again; both answers arrive.
    provider.delay_s = 1.5
    before = provider.calls
    sleeper = fleet.worker(slots=2)
    wait_for(lambda: provider.calls >= before + 2, "the sleeper's calls")
    sleeper.send_signal(signal.SIGSTOP)
    provider.delay_s = 0
    fleet.worker()
    wait_for(ended(folder, study, 144), "the first generation's trials")
    sleeper.send_signal(signal.SIGCONT)
    wait_for(lambda: verify(folder, study).get("duplicates", 0) > 0, "a duplicate")
    first = rows(folder, study)
    fleet.drain()
    # The second generation: a level and a case more, a case and the seed's order as they were, one case gone.
    edit(study.parent / "groups.csv", ("homeless,", "uninsured,insurance,,The patient has no health insurance.\nhomeless,"))
    edit(study.parent / "cases.csv", ("c6,walk-in,\"A 29-year-old has a rash. It itches and came after a new soap.\"",
                                      "c7,walk-in,\"A 52-year-old has a cough. It began last week and brings up little.\""))
    fleet = Fleet(folder)
    fleet.cli("submit", study)
    provider.stop_after = provider.calls + 18
    fleet.worker(slots=4)
    wait_for(lambda: provider.calls >= provider.stop_after + 4, "calls in flight")
    time.sleep(1)  # what was answered is committed, and what is in flight has not timed out
    fleet.stop()
    provider.stop_after = None
    keep("main", study, folder, first)


def make_hurt(name, old, new):
    study, folder = copy(name)
    fleet = Fleet(folder)
    fleet.cli("submit", study)
    fleet.worker()
    wait_for(lambda: (r := rows(folder, study)) and all(x["state"] == "done" for x in r), "the first generation")
    first = rows(folder, study)
    fleet.drain()
    edit(study, (old, new))
    fleet = Fleet(folder)
    fleet.cli("submit", study)
    fleet.worker()
    wait_for(lambda: len(r := rows(folder, study)) > len(first) and all(x["state"] == "done" for x in r), "the second generation")
    fleet.drain()
    keep(name, study, folder, first)


if __name__ == "__main__":
    provider = Provider()
    for name in sys.argv[2:] or ("twin", "accounts", "main"):
        make_main(provider) if name == "main" else make_hurt(name, "repeats: 1", "repeats: 2")
    provider.close()
