#!/usr/bin/env python3
"""A coordinator that starts elsewhere writes a file; workers and commands that know the file alone find it there."""
import json
import os
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness

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

    def coordinator(self):
        """Every one has ports of its own, as on another host."""
        before = self.term()
        process = self.box.start("clinsafe-coordinator", "--dir", self.box.dir / "store", "--bind", "tcp://127.0.0.1:*", "--pub",
                                 "tcp://127.0.0.1:*", "--admin", "tcp://127.0.0.1:*", "--key", self.box.dir / "coordinator.key",
                                 "--allow", self.allowed, "--address-file", self.file)
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
        second = self.coordinator()
        moved = time.monotonic()
        self.assertNotEqual(json.loads(self.file.read_text())["coordinator"], before["coordinator"])
        harness.wait_for(lambda: worker.printed().count("ev=welcome") == 2, timeout=FOUND_S, what="the worker at the new place")
        self.assertLess(time.monotonic() - moved, FOUND_S)
        self.assertExit(worker.wait(60))
        stats = self.sim.stats()
        self.assertEqual((stats["answered"], stats["paid_again"]), (TRIALS, 0))
        second.stop()
        self.assertExit(self.box.clinsafe("verify", self.study, "--store", self.box.dir / "store"))

    def test_files_that_are_none(self):
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
