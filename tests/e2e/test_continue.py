#!/usr/bin/env python3
"""Interrupted, killed, continued: the outputs are those of an uninterrupted run, and hardly a call is paid twice.

The simulator is the test's own and outlives the runs: it is the referee for what was paid again.
"""
import json
import os
import signal
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Study, Truth

WORKERS, SLOTS = 2, 4
IN_FLIGHT = WORKERS * SLOTS
# Calls that are paid again after a crash: what was in flight, and what had been answered in the moment before and was not
# acknowledged yet. The hard bound is slots + window; with answers every 120 ms the second part is small, unless the machine
# holds the coordinator up: see calm().
LATENCY_MS = 120  # a run takes seconds: a test that comes late still finds it at work
PAID_AGAIN_MAX = 4 * IN_FLIGHT
TRIALS = 252


def comm(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except FileNotFoundError:
        return None


def is_alive(process):
    """Whether the recorded process (pid and start time) still runs."""
    try:
        fields = Path(f"/proc/{process['pid']}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return False
    return fields[0] != "Z" and int(fields[19]) == process["started"]


class Continue(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        self.dir = self.study.with_suffix(".clinsafe")
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", LATENCY_MS)

    def start(self, *args):
        return self.box.start("clinsafe", "run", self.study, "--workers", WORKERS, "--slots", SLOTS, "--simulator",
                              self.sim.url, "--json", *args)

    def start_and_wait(self, answered, *args):
        run = self.start(*args)
        harness.wait_for(lambda: self.sim.stats()["answered"] >= answered, what=f"{answered} answers", process=run)
        return run

    def processes(self):
        return json.loads((self.dir / "run.json").read_text())["processes"]

    def pid_of(self, name):
        return next(p["pid"] for p in self.processes() if comm(p["pid"]) == name[:15])

    def rows(self):
        done = self.box.clinsafe("export", self.study, "--format", "jsonl")
        self.assertExit(done)
        return harness.rows_jsonl(done.out)

    def calm(self, lost=0):
        """Until nearly all that was asked is kept, as it is of a coordinator that the machine does not hold up. How many are kept. So many
        may have been lost at an earlier kill."""
        def kept():
            asked, n = self.sim.stats()["requests"], len(self.rows())
            return n if n > 0 and asked - n - lost <= 2 * IN_FLIGHT else 0
        return harness.wait_for(kept, what="what was answered to be kept")

    def assertComplete(self, run):
        """The study is done, and its outputs are exactly the expected ones."""
        self.assertExit(run)
        self.assertEqual(json.loads(run.out)["done"], TRIALS)
        truth = Truth(self.study.parent / "truth.yaml")
        wanted = {t.digest: truth.outcome(t) for t in Study(self.study).trials()}
        rows = self.rows()
        self.assertEqual(len(rows), TRIALS)
        fields = ("triage", "mental_health_assessment")
        found = {r["digest"]: (r["outcome"], {f: r[f"answer.{f}"] for f in fields if f"answer.{f}" in r}) for r in rows}
        self.assertEqual(found, wanted)
        self.assertExit(self.box.clinsafe("verify", self.study))
        stats = self.sim.stats()
        self.assertEqual(stats["unique_digests"], TRIALS)
        self.assertEqual((stats["digest_body_conflicts"], stats["no_case"], stats["several_levels"]), (0, 0, 0))
        return stats

    @harness.short
    def test_interrupt_drains_and_the_same_command_continues(self):
        run = self.start_and_wait(40)
        run.signal(signal.SIGINT)
        done = run.wait()
        self.assertExit(done, harness.EXIT_INTERRUPTED)
        self.assertIn(f"clinsafe run {self.study}", done.err)
        stats = self.sim.stats()
        self.assertEqual((stats["in_flight"], stats["paid_again"]), (0, 0))
        self.assertLess(stats["answered"], TRIALS, "interrupted in the middle")
        self.assertEqual(len(self.rows()), stats["answered"], "a drain keeps every answer")
        self.assertFalse(any(is_alive(p) for p in self.processes()))

        stats = self.assertComplete(self.start().wait())
        self.assertEqual((stats["paid_again"], stats["requests"]), (0, TRIALS))

    @harness.short
    def test_kill_and_run_again_at_once(self):
        lost = 0
        for kills in (60, 120):
            run = self.start_and_wait(kills)
            before = self.processes()
            kept = self.calm(lost)
            run.kill()
            lost = self.sim.stats()["requests"] - kept
        again = self.start()
        done = again.wait(100)
        self.assertFalse(any(is_alive(p) for p in before), "the killed run's processes are gone")
        stats = self.assertComplete(done)
        print(f"         paid again after two kills: {stats['paid_again']}")
        self.assertLessEqual(stats["paid_again"], 2 * PAID_AGAIN_MAX)

    @harness.short
    def test_second_run_is_refused_and_names_the_first(self):
        run = self.start_and_wait(20)
        second = self.start().wait()
        self.assertExit(second, harness.EXIT_BUSY)
        self.assertOneLine(second.err, run.pid)
        self.assertComplete(run.wait())
        self.assertEqual(self.sim.stats()["paid_again"], 0)

    def test_killed_worker_loses_nothing(self):
        run = self.start_and_wait(60)
        kept = self.calm()
        os.kill(self.pid_of("clinsafe-worker"), signal.SIGKILL)
        asked = self.sim.stats()["requests"]
        stats = self.assertComplete(run.wait(100))
        print(f"         paid again: {stats['paid_again']}")
        self.assertLessEqual(stats["paid_again"], asked - kept)

    def test_killed_coordinator_loses_nothing(self):
        run = self.start_and_wait(60)
        before = self.calm()
        os.kill(self.pid_of("clinsafe-coordinator"), signal.SIGKILL)
        done = run.wait()
        self.assertNotIn(done.code, (0, 2), done)
        self.assertIn("coordinator", done.err)
        kept, asked = len(self.rows()), self.sim.stats()["requests"]
        self.assertGreaterEqual(kept, before)
        stats = self.assertComplete(self.start().wait(100))
        self.assertLessEqual(stats["paid_again"], asked - kept)

    def test_killed_redis_costs_nothing(self):
        run = self.start_and_wait(60)
        os.kill(self.pid_of("redis-server"), signal.SIGKILL)
        stats = self.assertComplete(run.wait(100))
        self.assertEqual((stats["paid_again"], stats["requests"]), (0, TRIALS))

    def test_second_interrupt_stops_at_once(self):
        self.sim.kill()
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--faults", "hang=1")
        run = self.start()
        harness.wait_for(lambda: self.sim.stats()["in_flight"] > 0, what="calls in flight", process=run)
        run.signal(signal.SIGINT)
        harness.wait_for(lambda: "Ctrl-C again" in run.printed(), what="the drain", process=run)
        run.signal(signal.SIGINT)
        self.assertExit(run.wait(15), harness.EXIT_INTERRUPTED)
        self.assertFalse(any(is_alive(p) for p in self.processes()))

    def test_pilot_is_part_of_the_whole(self):
        pilot = self.start("--cases", 2).wait()
        self.assertExit(pilot)
        self.assertEqual(json.loads(pilot.out)["done"], TRIALS // 3)
        self.assertIn("PILOT", pilot.out + pilot.err)
        stats = self.assertComplete(self.start().wait())
        self.assertEqual((stats["paid_again"], stats["requests"]), (0, TRIALS))
        self.assertEqual(sum(1 for r in self.rows() if r["adopted"]), TRIALS // 3)


if __name__ == "__main__":
    harness.main()
