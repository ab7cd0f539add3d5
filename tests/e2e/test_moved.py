#!/usr/bin/env python3
"""A coordinator that starts elsewhere writes a file; workers and commands that know the file alone find it there."""
import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from terminal import Terminal

TRIALS = 252
FOUND_S = 10  # after the file is written


class Moved(harness.TestCase):
    TIME_LIMIT_S = 120

    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", 600)
        for name, role in (("coordinator", "worker"), ("me", "operator"), ("w", "worker")):
            self.assertExit(self.box.clinsafe("keygen", self.box.dir / name, "--role", role))
        self.allowed = self.box.dir / "allowed"
        self.allowed.write_text("".join((self.box.dir / f"{name}.pub").read_text() for name in ("me", "w")))
        self.file = self.box.dir / "where"

    def coordinator(self, *args, at=None, store="store"):
        """Every one has ports of its own, as on another host; `at`: those of an address file."""
        before = self.term()
        bind, pub, admin = (at[name] if at else "tcp://127.0.0.1:*" for name in ("coordinator", "announce", "admin"))
        process = self.box.start("clinsafe-coordinator", "--dir", self.box.dir / store, "--bind", bind, "--pub", pub, "--admin", admin,
                                 "--key", self.box.dir / "coordinator.key", "--allow", self.allowed, "--address-file", self.file, *args)
        harness.wait_for(lambda: self.term() > before, what="the file", process=process)
        return process

    def term(self):
        return json.loads(self.file.read_text()).get("term", 0) if self.file.exists() else 0

    def worker(self, *args):
        return self.box.start("clinsafe-worker", "--coordinator", f"file:{self.file}", "--key", self.box.dir / "w.key", "--simulator",
                              self.sim.url, "--slots", 20, *args)

    def test_it_moves_in_mid_study(self):
        worker = self.worker("--until-done")  # before there is any coordinator
        harness.wait_for(lambda: "ev=address_file" in worker.printed(), what="the worker's word", process=worker)
        first = self.coordinator()
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.assertExit(self.box.clinsafe("submit", self.study, "--coordinator", f"file:{self.file}", "--key", self.box.dir / "me.key"))
        harness.wait_for(lambda: self.sim.stats()["answered"] > 20, what="some answers", process=worker)
        first.kill()
        before = json.loads(self.file.read_text())
        welcomed = worker.printed().count("ev=welcome")
        second = self.coordinator()
        moved = time.monotonic()
        self.assertNotEqual(json.loads(self.file.read_text())["coordinator"], before["coordinator"])
        harness.wait_for(lambda: worker.printed().count("ev=welcome") > welcomed, timeout=FOUND_S, what="the worker at the new place")
        self.assertLess(time.monotonic() - moved, FOUND_S)
        self.assertExit(worker.wait(60))
        stats = self.sim.stats()
        self.assertEqual((stats["answered"], stats["paid_again"]), (TRIALS, 0))
        second.stop()
        self.assertExit(self.box.clinsafe("verify", self.study, "--store", self.box.dir / "store"))

    def test_answers_are_not_taken_to_another_fleet(self):
        """A second coordinator writes the same file while the first is away: whoever holds what the first paid for waits for it."""
        worker = self.worker()
        first = self.coordinator()
        self.assertExit(self.box.clinsafe("submit", self.study, *self.operator()))
        harness.wait_for(lambda: self.sim.stats()["in_flight"] == 20, what="calls", process=worker)
        at = json.loads(self.file.read_text())
        first.kill()
        self.file.write_text(json.dumps({**at, "coordinator": "file:/elsewhere"}))  # a hand
        harness.wait_for(lambda: "ev=address_file" in worker.printed(), what="the worker's word", process=worker)
        self.file.write_text(json.dumps({**at, "term": 0}))
        other = self.coordinator(store="other")
        self.assertIn("named the coordinator of another fleet", other.printed())
        harness.wait_for(lambda: "names the coordinator of another fleet" in worker.printed(), what="the worker's word", process=worker)
        other.stop()
        self.file.unlink()
        second = self.coordinator()
        harness.wait_for(lambda: worker.printed().count("ev=welcome") == 2, timeout=FOUND_S, what="the worker with what it holds")
        self.assertExit(self.box.clinsafe("wait", *self.operator()))
        self.assertEqual(self.sim.stats()["paid_again"], 0)
        second.stop()

    def operator(self):
        return ["--coordinator", f"file:{self.file}", "--key", self.box.dir / "me.key"]

    def test_a_wait_outlives_its_coordinator(self):
        first = self.coordinator()
        self.assertExit(self.box.clinsafe("submit", self.study, *self.operator()))
        waits = [self.box.start("clinsafe", "wait", *self.operator()),
                 self.box.start("clinsafe", "wait", "--coordinator", json.loads(self.file.read_text())["admin"], "--key",
                                self.box.dir / "me.key", "--server-key", self.box.dir / "coordinator.pub")]
        time.sleep(4)  # long past the time that a first connection is given
        first.stop()
        time.sleep(3)
        second = self.coordinator(at=json.loads(self.file.read_text()))  # as in an upgrade
        time.sleep(4)
        for wait in waits:
            self.assertIsNone(wait.poll(), wait.printed())
        second.signal(signal.SIGSTOP)  # it hangs
        time.sleep(7)
        second.kill()
        third = self.coordinator()  # elsewhere
        worker = self.worker()
        self.assertExit(waits[0].wait(60))
        self.assertIn("252 of 252 trials done", waits[0].printed())
        self.assertIsNone(waits[1].poll(), "it knows of no other place")
        self.assertIsNone(worker.poll())
        third.stop()

    def test_a_wait_for_so_long_ends_with_75_though_nobody_answers(self):
        first = self.coordinator()
        self.assertExit(self.box.clinsafe("submit", self.study, *self.operator()))
        wait = self.box.start("clinsafe", "wait", "--for", 10, *self.operator())
        time.sleep(2)
        first.stop()
        done = wait.wait(20)
        self.assertExit(done, harness.EXIT_BUSY)
        self.assertOneLine(done.err, "nobody listens there")

    def test_a_wait_for_a_run_ends_with_the_run(self):
        run = self.box.start("clinsafe", "run", self.study, "--workers", 1, "--slots", 2, "--simulator", self.sim.url)
        folder = self.study.with_suffix(".clinsafe")
        harness.wait_for(lambda: self.box.clinsafe("list", "--dir", folder).code == 0, what="the run", process=run)
        wait, begun = self.box.start("clinsafe", "wait", "--dir", folder), self.sim.stats()["answered"]
        harness.wait_for(lambda: self.sim.stats()["answered"] > begun + 10, what="some answers, and with them the time to begin to wait", process=run)
        self.assertIsNone(wait.poll())
        run.signal(signal.SIGINT)
        self.assertExit(run.wait(), harness.EXIT_INTERRUPTED)
        done = wait.wait(10)
        self.assertExit(done, harness.EXIT_MISSING)
        self.assertOneLine(done.err, "no coordinator listens there")

    def test_the_keys_of_the_wall_find_it(self):
        redis = f"unix:{self.box.dir}/redis"
        server = self.box.adopt(harness.Process(["redis-server", "--port", "0", "--unixsocket", self.box.dir / "redis", "--save", "", "--dir",
                                                 self.box.dir]))
        harness.wait_for((self.box.dir / "redis").exists, what="Redis", process=server)
        first = self.coordinator("--redis", redis)
        self.assertExit(self.box.clinsafe("submit", self.study, *self.operator()))
        wall = Terminal([harness.program("clinsafe"), "status", "--redis", redis, "--watch", *self.operator()], 160, 40)
        self.addCleanup(wall.kill)
        wall.sees("model-a")
        wall.press("p")
        wall.sees("pause model-a of small: done")
        first.kill()
        wall.press("r")
        self.assertNotIn("server key", wall.sees("resume model-a of small: (?!done)"))
        self.assertIn("nobody listens there", wall.sees("resume model-a of small: "))
        second = self.coordinator("--redis", redis)
        wall.press("r")
        wall.sees("resume model-a of small: done")
        second.kill()
        wall.sees("COORDINATOR SILENT since")
        server.kill()  # what was known stays known
        wall.sees("REDIS SILENT since")
        wall.sees("COORDINATOR SILENT since")
        self.assertFalse([line for line in wall.lines() if "running" in line])
        third = self.coordinator("--redis", redis)  # Redis cannot tell of it; its socket does
        harness.wait_for(lambda: not any("COORDINATOR SILENT" in line for line in wall.lines()), what="that it is back")
        third.kill()  # nor of its end
        wall.sees("COORDINATOR SILENT since")
        wall.sees("REDIS SILENT since")
        wall.press("q")
        self.assertEqual(wall.end(), 0)

    def test_files_that_are_none(self):
        for done in (self.box.clinsafe("pause", "--coordinator", "file:"), self.box.start("clinsafe-worker", "--coordinator", "file:").wait(10)):
            self.assertExit(done, harness.EXIT_USAGE)
            self.assertOneLine(done.err, "file: names no file")
        self.file.write_text("{}")
        self.assertOneLine(self.box.clinsafe("pause", "--coordinator", f"file:{self.file}").err, str(self.file), "--address-file")
        first = self.coordinator()
        os.chmod(self.file, 0o666)
        done = self.box.clinsafe("pause", "--coordinator", f"file:{self.file}", "--key", self.box.dir / "me.key")
        self.assertNotEqual(done.code, 0)
        self.assertOneLine(done.err, "others may write it")
        first.stop()


if __name__ == "__main__":
    harness.main()
