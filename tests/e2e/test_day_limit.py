#!/usr/bin/env python3
"""A limit per day: whatever forgets what was granted (Redis flushed, the coordinator killed, both at once), the provider sees no
more than the limit, and nearly all of it."""
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parents[1] / "bench")]
import harness
import quota_log

LIMIT = 300
STEP = LIMIT // 50  # coordinator/days.h


class DayLimit(harness.TestCase):
    TIME_LIMIT_S = 240  # grants come step by step, each written to the disk before

    def setUp(self):
        harness.one_day(self.TIME_LIMIT_S)  # which is no time of the test
        super().setUp()
        self.study = self.box.copy("small")
        self.study.write_text(self.study.read_text().replace("repeats: 3\n", "repeats: 60\n").replace("[model-a, model-b]", "[model-a]"))
        providers = self.study.parent / "providers.yaml"
        providers.write_text(providers.read_text().replace("truth: truth.yaml}", f"truth: truth.yaml, limits: {{requests_per_day: {LIMIT}}}}}"))
        self.log = self.box.dir / "arrivals"
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--log", self.log, "--latency-ms", 300)

    def start(self):
        return self.box.start("clinsafe", "run", self.study, "--workers", 2, "--slots", 8, "--simulator", self.sim.url)

    def requests(self):
        return self.sim.stats()["requests"]

    def at(self, count, run):
        harness.wait_for(lambda: self.requests() >= count, what=f"{count} requests", process=run)

    def state(self):
        return json.loads((self.study.with_suffix(".clinsafe") / "run.json").read_text())

    def flush(self):
        subprocess.run(["redis-cli", "-s", self.state()["sockets"] + "/redis", "flushall"], capture_output=True, check=True)

    def kill(self, name):
        for process in self.state()["processes"]:
            if name.encode() in Path(f"/proc/{process['pid']}/cmdline").read_bytes().split(b"\0")[0]:
                os.kill(process["pid"], signal.SIGKILL)

    def at_rest(self, run):
        """Until the day is used up, as `status` has it, and nothing is asked any more: silence alone may be a machine that is held up."""
        seen = [-1, 0]

        def used_up():
            done = self.box.clinsafe("status", self.study, "--json")
            lanes = done.json()["lanes"] if done.code == 0 else []
            return lanes and lanes[0].get("binds") == "requests_per_day" and lanes[0]["used"] >= LIMIT

        def rests():
            now = self.requests()
            seen[:] = [now, seen[1] + 1 if now == seen[0] else 0]
            time.sleep(0.1)
            return seen[1] >= 30
        harness.wait_for(used_up, 100, "the day to be used up", run)
        harness.wait_for(rests, what="the end of the day's quota", process=run)
        return self.requests()

    def test_a_flushed_redis_starts_no_second_day(self):
        run = self.start()
        for count in (40, 90, 140):
            self.at(count, run)
            self.flush()
        total = self.at_rest(run)
        self.assertLessEqual(total, LIMIT)
        self.assertGreaterEqual(total, LIMIT - 3 * 2 * STEP)
        run.stop()
        self.assertEqual(len(quota_log.read(self.log)), total)

    def test_nor_does_a_killed_coordinator_or_both(self):
        run = self.start()
        self.at(60, run)
        self.kill("clinsafe-coordinator")
        run.wait()
        run = self.start()  # a new Redis too: that of a run is its own
        self.at(140, run)
        self.flush()
        self.kill("clinsafe-coordinator")
        run.wait()
        run = self.start()
        total = self.at_rest(run)
        self.assertLessEqual(total, LIMIT)
        self.assertGreaterEqual(total, LIMIT - 2 * 2 * STEP - 2 * 16)  # what the dead workers had been granted and not yet used
        run.stop()

    @harness.short
    def test_without_redis_nothing_is_granted_and_the_lane_says_why(self):
        run = self.start()
        self.at(20, run)
        sockets = self.state()["sockets"]
        worker = self.box.start("clinsafe-worker", "--coordinator", f"ipc://{sockets}/work", "--slots", 4, "--name", "lonely",
                                "--simulator", self.sim.url)
        harness.wait_for(lambda: "--redis" in worker.printed(), what="the worker's word", process=worker)
        worker.stop()
        run.stop()


if __name__ == "__main__":
    harness.main()
