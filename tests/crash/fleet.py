"""A fleet of real processes that can be killed and stopped one by one, and the referees of what survives.

Coordinator, workers, Redis and the simulated provider each run as an operator would start them, in one folder. Every worker process
has its own API key and its own file of acknowledged outputs (CLINSAFE_ACK_LOG), so that two records outside of our own ledger
say what must be true: what the workers were told is on disk, and what the provider answered to whom.
"""
import argparse
import hashlib
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import harness

STUDY = Path(__file__).resolve().parent / "study"
SLOTS = 16
WINDOW = 4096  # CS_WINDOW_OUTPUTS
LATENCY_MS = 100
NOTES = ["agitated", "breathless"]  # words of a wide study's further answers, 20 times each: outputs of 1.8 KB
TRIALS_A_CASE = 32 * 3 * 2


class Lost(AssertionError):
    """A promise was broken: the message says which."""


def program(name):
    path = harness.BUILD / "crash" / name
    if not path.exists():
        raise SystemExit(f"{path}: not built; `make BUILD={harness.BUILD}` with the target of this test builds it")
    return str(path)


class Member:
    """A place in the fleet: the process that holds it now, and what was done to it."""

    def __init__(self, name, start):
        self.name, self._start = name, start
        self.process, self.stopped, self.kills, self.stops = None, False, 0, 0

    def start(self):
        self.process, self.stopped = self._start(), False

    @property
    def up(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process, self.stopped = None, False
        self.kills += 1

    def stop(self):
        self.process.signal(signal.SIGSTOP)
        self.stopped = True
        self.stops += 1

    def go_on(self):
        if self.up and self.stopped:
            self.process.signal(signal.SIGCONT)
        self.stopped = False


class Fleet:
    """coordinator: the program, or one with a mutation; its environment and options may change between two starts."""

    def __init__(self, box, cases=100, workers=4, slots=SLOTS, limits="", simulator=("--latency-ms", str(LATENCY_MS)), wide=False):
        self.box, self.dir = box, box.dir / "f"
        self.acks, self.log = self.dir / "acks", self.dir / "arrivals"
        self.store, self.home = self.dir / "d" / "store", self.dir / "d"
        for folder in (self.dir, self.acks, self.home):
            folder.mkdir()
        self.slots, self.sim_args = slots, list(simulator)
        self.redis_args, self.worker_env, self.redis_env, self.redis_of = [], {}, {}, {}
        self.coordinator_program, self.coordinator_env, self.coordinator_args = harness.program("clinsafe-coordinator"), {}, []
        self.port = harness.free_ports(1)[0]  # the simulator comes back to it
        self.born = {}  # key hash of a worker process -> (its place, when it started)
        self.simulator = Member("simulator", self._start_simulator)
        self.redis = Member("redis", self.start_redis)
        self.coordinator = Member("coordinator", self._start_coordinator)
        self.workers = [Member(f"worker-{i + 1}", lambda i=i: self._start_worker(i)) for i in range(workers)]
        self.weights = {}  # of studies, by name
        self.hash_of, self.lost_at = {}, {}  # place -> key hash of its process; key hash -> when it was killed
        self.simulator.start()
        self._write_study(cases, limits, wide)
        self.studies = [self.study]

    @property
    def members(self):
        return [self.coordinator, *self.workers, self.redis, self.simulator]

    def _write_study(self, cases, limits, wide):
        folder = self.dir / "study"
        folder.mkdir()
        fill = {"CASES": str(cases), "URL": f"http://127.0.0.1:{self.port}", "LIMITS": f", limits: {limits}" if limits else "",
                "NOTES": "".join(f"\n      note{i}: {{nominal: [{', '.join(word * 20 for word in NOTES)}]}}" for i in range(8 if wide else 0))}
        for source in STUDY.iterdir():
            text = source.read_text()
            if source.suffix == ".yaml":
                text = re.sub(r"\b(CASES|URL)\b|LIMITS|NOTES", lambda m: fill[m.group()], text)
            (folder / source.name).write_text(text)
        self.study, self.trials = folder / "study.yaml", cases * TRIALS_A_CASE
        self.child = folder / "judged.yaml"  # whoever wants it submits it, when the study is finished

    def add_study(self, name, weight=1):
        """A second study of the same shape, with a question of its own, in the same coordinator and store."""
        folder = self.dir / name
        shutil.copytree(self.study.parent, folder)
        text = (folder / "study.yaml").read_text()
        text = text.replace("study: crash", f"study: {name}").replace("You help to triage.", f"You help to triage ({name}).")
        (folder / "study.yaml").write_text(text)
        self.studies.append(folder / "study.yaml")
        self.weights[name] = weight
        return folder / "study.yaml"

    def submit(self):
        for study in self.studies:
            harness.must(self.operator("submit", study, "--weight", self.weights.get(study.parent.name, 1)))

    # ---- starting ----

    def _start_simulator(self):
        process = self.box.adopt(harness.Simulator(self.dir, "--port", self.port, "--log", self.log, *self.sim_args))
        self.port = process.port
        return process

    def start_redis(self, name="redis.sock"):
        socket = self.dir / name
        process = self.box.adopt(harness.Process(["redis-server", "--port", 0, "--unixsocket", socket, "--save", "", "--appendonly", "no",
                                                  "--dir", self.dir, *self.redis_args]))
        harness.wait_for(lambda: "ready to accept connections" in process.printed().lower(), what="Redis", process=process)
        return process

    def _start_coordinator(self):
        """Does not wait: a coordinator may be killed before it serves."""
        self.ready = self.dir / "ready.json"
        self.ready.unlink(missing_ok=True)
        process = harness.Process(
            [self.coordinator_program, "--dir", self.store, "--bind", f"ipc://{self.dir}/w", "--pub", f"ipc://{self.dir}/p", "--admin",
             f"ipc://{self.dir}/a", "--redis", f"unix:{self.dir}/redis.sock", "--ready-file", self.ready, *self.coordinator_args],
            env={**self.redis_env, **self.coordinator_env})
        return self.box.adopt(process)

    def _start_worker(self, i):
        name = f"worker-{i + 1}"
        number = len(self.born) + 1
        key = f"key-{number}-{name}"
        hashed = hashlib.blake2b(key.encode(), digest_size=32).digest()[:8][::-1].hex()
        self.born[hashed], self.hash_of[name] = (name, time.monotonic()), hashed
        return self.box.start(
            "clinsafe-worker", "--coordinator", f"ipc://{self.dir}/w", "--announce", f"ipc://{self.dir}/p", "--redis",
            f"unix:{self.dir}/{self.redis_of.get(name, 'redis.sock')}", "--slots", self.slots, "--name", f"{name}.{number}",
            env={"CRASH_TEST_KEY": key, "CLINSAFE_ACK_LOG": str(self.acks / f"{number}.acks"), **self.redis_env, **self.worker_env})

    def start(self):
        """Everything but the simulator, which runs already; the study is submitted."""
        self.redis.start()
        self.start_coordinator()
        for worker in self.workers:
            worker.start()
        self.submit()

    def start_coordinator(self):
        self.coordinator.start()
        self.serving()

    def serving(self):
        harness.wait_for(self.ready.exists, timeout=60, what="the coordinator", process=self.coordinator.process)

    def kill(self, member):
        """SIGKILL, remembered for the account of what may be paid again."""
        if member in self.workers:
            self.lost_at[self.hash_of[member.name]] = time.monotonic()
        member.kill()

    def close(self):
        for member in self.members:
            if member.process is not None:
                member.process.kill()

    # ---- asking ----

    def operator(self, *words, timeout=60, env=None):
        return self.box.clinsafe(*words, "--coordinator", f"ipc://{self.dir}/a", timeout=timeout, env=env)

    def status(self, study=None):
        """From Redis; empty when it has nothing. Without a name: of the study submitted last."""
        which = ["--study", study] if study else []
        done = self.box.clinsafe("status", "--redis", f"unix:{self.dir}/redis.sock", "--json", *which, env=self.redis_env)
        return done.json() if done.code == 0 else {}

    def simulator_stats(self):
        return self.simulator.process.stats()

    def acked(self):
        return sum(path.stat().st_size // 33 for path in self.acks.iterdir())

    def wait_acked(self, n, timeout=60):
        harness.wait_for(lambda: self.acked() >= n, timeout=timeout, what=f"{n} acknowledged outputs")

    def wait_finished(self, timeout=120, study=None):
        harness.wait_for(lambda: self.status(study).get("state") == "finished", timeout=timeout, what="the study to finish")

    def verify(self, study=None):
        which = ["--study", study] if study else []
        return self.box.clinsafe("verify", "--store", self.store, "--json", *which, timeout=300)

    def must_verify(self, study=None):
        """What is there is sound; it need not be all."""
        done = self.verify(study)
        if done.code not in (0, 2) or done.json()["faults"] != 0:
            raise Lost(f"verify: {done}")
        return done.json()

    def drain(self):
        """All end by themselves. A worker that is not connected would not hear of it."""
        term = json.loads(self.ready.read_text())["term"]
        harness.wait_for(lambda: (s := self.status()).get("term") == term and s["workers"] >= len(self.workers), what="all workers")
        harness.must(self.operator("drain"))
        for member in (*self.workers, self.coordinator):
            harness.must(member.process.wait(90))


class Checker:
    """tests/crash/check.c: what was acknowledged is in the store, unchanged, and the ledger agrees. Remembers what it has seen."""

    def __init__(self, fleet, mode="reader", acks=None):
        self._process = subprocess.Popen([program("check"), mode, fleet.store, acks or fleet.acks, fleet.dir / "scratch"], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True, env=harness.environment())
        self.seen = {}

    def look(self, how="round"):
        """Figures; raises Lost with the checker's sentence."""
        self._process.stdin.write(how + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline().strip()
        if not line.startswith("ok "):
            raise Lost(line or "the checker ended")
        self.seen = {k: int(v) for k, v in (word.split("=") for word in line.split()[1:])}
        return self.seen

    def close(self):
        self._process.stdin.close()
        self._process.wait()


class Bill:
    """The provider's record: which request it answered, to which worker process, when; and why it was asked again."""

    def __init__(self, fleet):
        self.fleet, self._at, self._rest = fleet, 0, ""
        self.answered, self.again = 0, 0
        self._first = {}         # digest -> (key hash, seconds)
        self._acked = set()      # acknowledged when the log was read before
        self._ack_at = {}
        self.provider_lost = []  # moments
        self.by_worker, self.by_provider = {}, {}

    def look(self):
        """Reads on. A call is paid again for a reason: its worker was killed after it, or the provider was before it could reply."""
        acked_now = self._read_acks()
        with open(self.fleet.log, encoding="ascii") as file:
            file.seek(self._at)
            lines = (self._rest + file.read()).split("\n")
            self._at, self._rest = file.tell(), lines.pop()
        for line in lines:
            part = line.split("\t")
            if len(part) != 8 or part[6] != "200" or part[7] not in ("-", "none", "drip"):
                continue
            self._answer(part[3], part[1], int(part[0]) / 1e6)
        self._acked = acked_now

    def _read_acks(self):
        acked = set(self._acked)
        for path in self.fleet.acks.iterdir():
            with open(path, encoding="ascii") as file:
                file.seek(self._ack_at.get(path, 0))
                text = file.read()
            whole = len(text) - len(text) % 33
            acked.update(text[:whole].split())
            self._ack_at[path] = self._ack_at.get(path, 0) + whole
        return acked

    def _answer(self, digest, key, at):
        self.answered += 1
        before = self._first.get(digest)
        self._first[digest] = (key, at)
        if before is None:
            return
        self.again += 1
        who, when = before
        if digest in self._acked:
            raise Lost(f"{digest} was acknowledged, and was paid for again")
        if self.fleet.lost_at.get(who, at) < at:
            self.by_worker[who] = self.by_worker.get(who, 0) + 1
            return
        lost = next((i for i, t in enumerate(self.provider_lost) if when < t < at), None)
        if lost is None:
            raise Lost(f"{digest} was paid for twice although neither its worker nor the provider was lost")
        self.by_provider[(who, lost)] = self.by_provider.get((who, lost), 0) + 1

    def judge(self):
        """The bounds: slots + window for a lost worker; the calls of a worker in flight for a lost provider; nothing else."""
        slots = self.fleet.slots
        worst = max(self.by_worker.values(), default=0)
        if worst > slots + WINDOW + slots * len(self.provider_lost):
            raise Lost(f"{worst} calls of one lost worker were paid again, more than its slots and window")
        worst = max(self.by_provider.values(), default=0)
        if worst > slots:
            raise Lost(f"{worst} calls of one worker were paid again after one loss of the provider, more than its {slots} slots")


# ---- scripts ----

class Score:
    """What a script found: one line a claim, and the closing line."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def claim(self, name, holds, more=""):
        print(f"  {'ok' if holds else 'FAILED':6} {name}{': ' if more else ''}{more}", flush=True)
        self.passed += bool(holds)
        self.failed += not holds
        return holds

    def skip(self, why):
        self.skipped += 1
        print(f"skipped: {why}", flush=True)

    def run(self, name, part, *args):
        """part(box, *args) with a folder of its own; returns figures to show, or raises."""
        box, failed = harness.Sandbox(), True
        began = time.monotonic()
        try:
            more = part(box, *args) or ""
            broken = box.complaints()
            if broken:
                raise Lost(broken[0])
            failed = False
        except AssertionError as e:
            more = str(e)
        finally:
            box.close(keep=failed)
        return self.claim(f"{name} ({time.monotonic() - began:.0f} s)", not failed, more)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else ""), flush=True)
        sys.exit(1 if self.failed else 0)


def must_lose(look):
    """For negative controls: look() must raise Lost; its sentence is returned."""
    try:
        look()
    except Lost as e:
        return f"noticed: {e}"
    raise AssertionError("what was broken on purpose was not noticed")


def options(what, rounds=None, short=None):
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--short", action="store_true", help="as CI runs it")
    if rounds is not None:
        parser.add_argument("--rounds", type=int, help=f"default {rounds}, short {short}")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: the time")
    args = parser.parse_args()
    if rounds is not None and args.rounds is None:
        args.rounds = short if args.short else rounds
    args.random = random.Random(args.seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"seed {args.seed}" + (f", {args.rounds} rounds" if rounds is not None else ""), flush=True)
    return args
