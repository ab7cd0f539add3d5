"""What the attacks on a fleet share: a fleet with keys at work on an honest study, an attacker who holds a listed worker's key, and the referee.

Each test first sees the honest study at work (the positive control: an operator's key submitted it), attacks, and at the end the study must have
all its answers, each paid once.
"""
import os
import re
import statistics
import sys
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness
from curve_fleet import CurveFleet

try:
    import msgpack
    import zmq
    import wire
except ImportError:
    debians = "/usr/bin/python3"  # its packages belong to it, whatever python3 stands first in PATH
    if "CLINSAFE_DEBIANS_PYTHON" not in os.environ and os.access(debians, os.X_OK):
        os.execve(debians, [debians, *sys.argv], {**os.environ, "CLINSAFE_DEBIANS_PYTHON": "1"})
    print("skipped: python3-zmq and python3-msgpack are not here\n0 passed, 0 failed, 1 skipped")
    sys.exit(77)

MIB_MAX = 300
SLOTS, LATENCY_MS = 16, 250  # of the honest worker: its provider is never what binds
SHARE_MIN = 0.9  # of what the honest worker does without the attack
LOOKS = 3  # so many times longer is looked, at most


class Watch(threading.Thread):
    """Looks at the provider all the time: calls in flight there, and how many were answered.

    The rate is what is in flight over how long an answer takes, and only the first is ours: calls in flight fall when a worker waits for leases,
    for acknowledgements, or for the processor; a slow provider on a busy machine leaves them as they are. Unlike a count of answers, which
    come in bursts of all slots, they are exact over a second.
    """

    def __init__(self, sim):
        super().__init__(daemon=True)
        self.sim, self.seen, self.over = sim, [], threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.02):
            stats = self.sim.stats()
            self.seen.append((time.monotonic(), stats["in_flight"], stats["answered"]))

    def between(self, began, ended):
        """Slots at work, of all: the median of windows of half a second, so that a moment in which the machine did something else counts as
        one; and answers a second."""
        seen = [s for s in self.seen if began <= s[0] <= ended]
        (t0, _, n0), (t1, _, n1) = seen[0], seen[-1]
        windows = {}
        for at, in_flight, _ in seen:
            windows.setdefault(int((at - t0) / 0.5), []).append(min(in_flight, SLOTS) / SLOTS)
        return statistics.median(statistics.mean(w) for w in windows.values()), (n1 - n0) / (t1 - t0)


class Siege(harness.TestCase):
    TIME_LIMIT_S = 170
    REPEATS = 60  # x 84 trials: work for longer than any attack takes; the provider answers at once when it is over
    STUDY = ""    # more of the study file
    PREFIX = ()   # of the coordinator

    def setUp(self):
        super().setUp()
        self.context = zmq.Context()
        self.context.max_sockets = 8192
        self.fleet = CurveFleet(self.box, workers=("w1", "evil"), prefix=self.PREFIX)
        self.study = self.box.copy("small")
        self.study.write_text(self.study.read_text().replace("\nrepeats: 3\n", f"\nrepeats: {self.REPEATS}\n") + self.STUDY)
        providers = self.study.parent / "providers.yaml"
        providers.write_text(re.sub(r"price: ", f"limits: {{concurrent: {2 * SLOTS}}}, price: ", providers.read_text()))
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", LATENCY_MS)
        self.watch = Watch(self.sim)
        self.w1 = self.fleet.worker("w1", "--simulator", self.sim.url, "--slots", SLOTS)
        harness.must(self.fleet.ask("submit", self.study))
        harness.wait_for(lambda: self.answered() > 30, what="the honest study at work", process=self.w1)
        self.before = 0
        self.before, self.rate_before = self.quiet(2)
        self.peak = 0

    def tearDown(self):
        self.watch.over.set()
        self.watch.join()
        self.context.destroy(linger=0)
        super().tearDown()

    def answered(self):
        return self.sim.stats()["answered"]

    def planned(self):
        return 84 * self.REPEATS

    def enough(self, did, began, seconds):
        """Whether that is what the worker did before. If not, it is looked at for longer: a busy machine must not pass for an attack that succeeds."""
        return did[0] > SHARE_MIN * self.before or time.monotonic() - began >= LOOKS * seconds

    def quiet(self, seconds):
        """What the honest worker does in the next seconds."""
        began = time.monotonic()
        while True:
            time.sleep(seconds)
            did = self.watch.between(began, time.monotonic())
            if self.enough(did, began, seconds):
                return did

    def evil(self, name="evil"):
        worker = wire.Worker(self.context, self.fleet, "evil", name)
        self.assertEqual(worker.hello()[1], wire.WELCOME)
        return worker

    def status(self):
        """As the coordinator tells it, to a viewer's key."""
        eye = wire.Peer(self.context, self.fleet.admin, self.fleet, "eye")
        harness.wait_for(lambda: eye.send(wire.pack(wire.ADMIN, ["status", [], b""])), what="the admin socket")
        text = eye.get()[5][2].decode()
        eye.close()
        return text

    def still_planned(self, n):
        """Rows of trials of model-a that nobody has begun; the fleet is paused while they are looked up."""
        self.assertExit(self.fleet.ask("pause"))
        time.sleep(1)
        exported = self.box.clinsafe("export", "--store", self.fleet.dir / "store", "--all", "--format", "jsonl")
        self.assertExit(self.fleet.ask("resume"))
        return [r for r in harness.rows_jsonl(exported.out) if r["state"] == "planned" and r["model"] == "model-a"][-n:]

    @staticmethod
    def output(row, tokens=(10, 0, 5, 0), extra=()):
        """An answer to a trial that nobody asked this worker for, under the right digest."""
        return msgpack.packb([1, 1, 0, row["position"], 0, bytes.fromhex(row["digest"]), 0, 1, 0, 200, "{}", "stop", "m", "id", "fp", *tokens,
                              int(time.time() * 1000), 5, 5, "w1", *extra], use_bin_type=True)

    def under(self, attack, seconds):
        """Repeats attack() for that long; what the honest worker does meanwhile."""
        began, looks = time.monotonic(), 0
        while True:
            looks += 1
            while time.monotonic() - began < looks * seconds:
                attack()
                self.peak = max(self.peak, self.fleet.rss_mib())
            did = self.watch.between(began, time.monotonic())
            if self.enough(did, began, seconds):
                return did

    def stands(self, did=None, what="afterwards"):
        """The honest worker goes on at its rate, the coordinator lives within its memory."""
        self.assertLess(self.answered(), self.planned(), "there was work all the time")
        share, rate = self.quiet(3) if did is None else did
        self.peak = max(self.peak, self.fleet.rss_mib())
        print(f"    honest worker {what}: {share:.0%} of its slots at work, {self.before:.0%} before ({rate:.0f} a second, {self.rate_before:.0f}); "
              f"coordinator: {self.peak} MiB", flush=True)
        self.assertIsNone(self.fleet.coordinator.poll())
        self.assertGreater(share, SHARE_MIN * self.before)
        if not harness.SANITIZED:
            self.assertLess(self.peak, MIB_MAX)

    def ends_well(self, given=0):
        """The positive control: every planned trial has its answer (`given` by the attacker), and none was paid for twice."""
        paid = self.planned() - given
        self.sim.control(latency={"median_ms": 5, "sigma": 0})
        harness.wait_for(lambda: self.answered() >= paid, timeout=100, what="the last answer", process=self.w1)
        time.sleep(1)
        self.assertExit(self.w1.stop())  # the attacker's session would hold a drain up until it is lost
        self.assertExit(self.fleet.coordinator.stop())
        verified = self.box.clinsafe("verify", "--store", self.fleet.dir / "store", "--json")
        self.assertExit(verified)
        stats = self.sim.stats()
        print(f"    the honest study: {stats['answered']} of {paid} answers, {stats['paid_again']} paid twice", flush=True)
        self.assertEqual((stats["answered"], stats["paid_again"]), (paid, 0))
        return verified

    def log(self):
        return self.fleet.coordinator.printed()
