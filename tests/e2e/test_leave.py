#!/usr/bin/env python3
"""Workers that leave by themselves: before a deadline with every answer delivered, when there is nothing to do, when all is done."""
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness

TRIALS = 252


class Leave(harness.TestCase):
    TIME_LIMIT_S = 120

    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        self.study.write_text(self.study.read_text().replace("timeout_s: 30", "timeout_s: 4"))
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", 900)
        self.sockets = self.box.dir / "s"
        self.sockets.mkdir(mode=0o700)
        ready = self.box.dir / "ready.json"
        self.coordinator = self.box.start(
            "clinsafe-coordinator", "--dir", self.box.dir / "store", "--bind", self.door("work"), "--pub", self.door("pub"),
            "--admin", self.door("admin"), "--ready-file", ready)
        harness.wait_for(ready.exists, what="the coordinator", process=self.coordinator)

    def door(self, name):
        return f"ipc://{self.sockets}/{name}"

    def submit(self, *args):
        self.assertExit(self.box.clinsafe("submit", self.study, "--coordinator", self.door("admin"), *args))

    def worker(self, *args, slots=8):
        return self.box.start("clinsafe-worker", "--coordinator", self.door("work"), "--announce", self.door("pub"), "--simulator",
                              self.sim.url, "--slots", slots, *args)

    def test_before_a_deadline_everything_is_delivered(self):
        self.submit()
        began = time.monotonic()
        done = self.worker("--deadline", "0:12").wait(30)
        self.assertExit(done)
        self.assertLess(time.monotonic() - began, 12)
        self.assertRegex(done.err, r"ev=worker .*deadline_s=12 ")
        self.assertIn('why="the deadline leaves no time for another call"', done.err)
        stats = self.sim.stats()
        self.assertGreater(stats["answered"], 0)
        self.assertEqual((stats["requests"], stats["in_flight"]), (stats["answered"], 0))
        self.assertExit(self.worker("--until-done", slots=128).wait(60))  # the rest, and no more
        stats = self.sim.stats()
        self.assertEqual((stats["answered"], stats["paid_again"]), (TRIALS, 0))
        self.coordinator.stop()
        self.assertExit(self.box.clinsafe("verify", self.study, "--store", self.box.dir / "store"))

    def test_a_study_that_waits_for_its_turn_is_waited_for(self):
        self.submit()
        self.study = self.box.copy("small", "later")
        self.study.write_text(self.study.read_text().replace("study: small", "study: later").replace("timeout_s: 30", "timeout_s: 4"))
        self.submit("--after", "small")
        self.assertExit(self.worker("--until-done", slots=128).wait(60))
        self.coordinator.stop()
        for name in ("small", "later"):
            outputs = self.box.clinsafe("export", "--store", self.box.dir / "store", "--study", name, "--format", "jsonl")
            self.assertEqual(len(harness.rows_jsonl(outputs.out)), TRIALS, name)

    def test_an_idle_one_goes(self):
        began = time.monotonic()
        self.assertExit(self.worker("--idle-exit", 2).wait(20))
        self.assertGreaterEqual(time.monotonic() - began, 2)

    def test_what_is_no_deadline(self):
        for text in ("5m", "0", "2020-01-01T00:00:00Z"):
            done = self.worker("--deadline", text).wait(10)
            self.assertExit(done, 64)
            self.assertOneLine(done.err, f"--deadline {text}: ")


if __name__ == "__main__":
    harness.main()
