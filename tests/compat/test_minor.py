#!/usr/bin/env python3
"""A study that needs a newer minor version of the protocol is not given to those who do not speak it, and they are named."""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import versions
from versions import NEW, OLD, harness

OURS = "1." + re.search(r"CS_WIRE_MINOR = (\d+)", (harness.TOP / "protocol" / "wire" / "messages.h").read_text()).group(1)
NEEDS = NEW / "compat" / "clinsafe-needs"  # its study files need what ours speak


@harness.short
class Minor(versions.TestCase):
    def setUp(self):
        super().setUp()
        self.assertTrue(NEEDS.exists(), f"{NEEDS}: not built; `make compat` builds it")
        self.study = self.box.copy("small")
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", 5)
        socket = self.box.dir / "redis.sock"
        redis = self.box.adopt(harness.Process(["redis-server", "--port", 0, "--unixsocket", socket, "--save", "", "--appendonly", "no",
                                                "--dir", self.box.dir]))
        harness.wait_for(lambda: "ready to accept connections" in redis.printed().lower(), what="Redis", process=redis)
        self.fleet = versions.Fleet(self.box, self.sim, redis=f"unix:{socket}")

    def status(self):
        return self.box.clinsafe("status", "--redis", self.fleet.redis).out  # nothing, until the coordinator has reported

    def test_an_old_worker_gets_nothing_and_is_named(self):
        self.fleet.serve(NEW)
        self.fleet.submit(NEEDS, self.study)
        self.fleet.work(OLD, "old-7")
        harness.wait_for(lambda: f"old-7 speaks version 1.0 of the protocol, the study needs {OURS}" in self.status(), what="the word of status")
        self.assertIn("stopped", self.status())
        self.fleet.work(NEW, "new")
        self.fleet.wait_until(252, NEW)
        self.assertEqual({r["worker"] for r in self.fleet.rows(NEW)}, {"new"})
        self.assertEqual(self.sim.stats()["requests"], 252)
        self.fleet.drain(NEW)

    def test_an_old_coordinator_is_not_given_it(self):
        self.fleet.serve(OLD)
        done = self.fleet.submit(NEEDS, self.study, code=harness.EXIT_INVALID)
        self.assertOneLine(done.err, f"a.new.key needs version {OURS} of the protocol, the coordinator speaks 1.0")
        self.fleet.work(NEW, "new")
        self.fleet.submit(NEW, self.study)  # what needs nothing new is taken as ever
        self.fleet.wait_until(252, OLD)


if __name__ == "__main__":
    harness.main()
