#!/usr/bin/env python3
"""Looking at a study while it runs, and at a store that was damaged."""
import json
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness

TRIALS = 252


class Running(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        self.dir = self.study.with_suffix(".clinsafe")
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", 200)
        self.run_ = self.box.start("clinsafe", "run", self.study, "--workers", 2, "--slots", 3, "--simulator", self.sim.url)
        harness.wait_for(lambda: self.sim.stats()["answered"] >= 30, what="30 answers", process=self.run_)

    def finish(self):
        self.sim.control(latency={"median_ms": 1})
        self.assertExit(self.run_.wait())

    @harness.short
    def test_export_while_running_is_a_part_of_the_whole(self):
        early = self.box.clinsafe("export", self.study, "--format", "jsonl")
        self.assertExit(early)
        self.assertIsNone(self.run_.poll(), "still running")
        rows = [r for r in harness.rows_jsonl(early.out) if r["state"] == "done"]
        self.assertTrue(10 <= len(rows) < TRIALS, len(rows))
        self.finish()
        late = {r["digest"]: r for r in harness.rows_jsonl(self.box.clinsafe("export", self.study, "--format", "jsonl").out)}
        for row in rows:
            self.assertEqual(row, late[row["digest"]], "an answer never changes")

    @harness.short
    def test_status_from_redis(self):
        self.sim.control(latency={"median_ms": 1000})  # workers show themselves every few seconds
        shown = harness.wait_for(lambda: (s := self.box.clinsafe("status", self.study)).out.count("worker-") == 2 and s,
                                 what="a status with both workers")
        for part in ("small", "model-a", "model-b", "worker-0", "worker-1"):
            self.assertIn(part, shown.out)
        sockets = json.loads((self.dir / "run.json").read_text())["sockets"]

        def status_now():
            return self.box.clinsafe("status", "--redis", f"unix:{sockets}/redis", "--json").json()

        status = harness.wait_for(lambda: (s := status_now())["done"] >= 10 and s, what="progress in Redis")
        self.assertEqual((status["study"], status["state"], status["planned"]), ("small", "running", TRIALS))
        self.assertEqual([lane["planned"] for lane in status["lanes"]], [TRIALS // 2] * 2)
        self.assertTrue(10 <= status["done"] <= self.sim.stats()["answered"], "never ahead of what was answered")
        self.assertEqual({w["name"] for w in status["worker_list"]} & {"worker-0", "worker-1"}, {"worker-0", "worker-1"})
        self.assertLessEqual(sum(w["in_flight"] for w in status["worker_list"]), 6)
        self.finish()

    def test_verify_while_running(self):
        done = self.box.clinsafe("verify", self.study)
        self.assertIn(done.code, (0, 2), done)
        self.assertIsNone(self.run_.poll())
        self.finish()
        self.assertExit(self.box.clinsafe("verify", self.study))

    @harness.short
    def test_pause_resume_and_cancel(self):
        def say(*words):
            self.assertExit(self.box.clinsafe(*words, "--dir", self.dir))

        def still():
            """No call starts in a time in which several would: a worker that had no turn of late may begin some before it hears of the pause."""
            before = self.sim.stats()
            time.sleep(0.7)
            after = self.sim.stats()
            return (before["in_flight"], before["requests"]) == (0, after["requests"])

        say("pause")
        harness.wait_for(still, what="calls to finish, and none to start during a pause", process=self.run_)
        before = self.sim.stats()["requests"]
        self.assertLess(before, TRIALS)
        say("resume", "model-a")
        harness.wait_for(lambda: self.sim.stats()["requests"] > before, what="calls again")
        other = self.sim.stats()["models"]["b-2026-01-01"]["requests"]
        time.sleep(0.7)
        self.assertEqual(self.sim.stats()["models"]["b-2026-01-01"]["requests"], other, "model-b is still paused")
        say("cancel", "model-b")
        self.sim.control(latency={"median_ms": 1})
        done = self.run_.wait()
        self.assertExit(done, 2)
        rows = [r for r in harness.rows_jsonl(self.box.clinsafe("export", self.study, "--format", "jsonl").out)
                if r["state"] == "done"]
        self.assertEqual(sum(r["model"] == "model-a" for r in rows), TRIALS // 2)
        self.assertEqual(sum(r["model"] == "model-b" for r in rows), other)
        self.assertEqual(self.sim.stats()["paid_again"], 0)
        self.assertExit(self.box.clinsafe("verify", self.study))


class Damaged(harness.TestCase):
    """What is on disk is checked when it is read: flipped bytes are found, wherever the outputs lie."""

    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        self.store = self.study.with_suffix(".clinsafe") / "store"
        self.run_study()
        self.assertExit(self.box.clinsafe("verify", self.study))

    def run_study(self):
        self.assertExit(self.box.clinsafe("run", self.study, "--workers", 1, "--slots", 32, "--simulator-args",
                                          "--latency-ms 0"))

    def largest(self, suffix):
        found = [p for p in self.store.rglob("*" + suffix) if p.is_file() and p.stat().st_size > 4096]
        return max(found, key=lambda p: p.stat().st_size, default=None)

    def flip(self, path):
        data = bytearray(path.read_bytes())
        at = len(data) // 3
        for i in range(at, at + 16):
            data[i] ^= 0xff
        path.write_bytes(data)

    def assertFound(self):
        done = self.box.clinsafe("verify", self.study)
        self.assertNotEqual(done.code, 0, done)
        self.assertNotIn("prompt", done.err)
        return done

    @harness.short
    def test_flipped_bytes_are_found(self):
        for suffix in (".sst", ".log"):
            path = self.largest(suffix)
            if path is None:
                continue
            with self.subTest(file=suffix):
                whole = path.read_bytes()
                self.flip(path)
                self.assertFound()
                path.write_bytes(whole)
                self.assertExit(self.box.clinsafe("verify", self.study))
        self.assertTrue(self.largest(".sst") or self.largest(".log"))

    def test_flipped_bytes_of_a_table_file(self):
        self.run_study()  # opening again moves what the log held into a table file
        path = self.largest(".sst")
        self.assertIsNotNone(path)
        self.flip(path)
        self.assertFound()
        export = self.box.clinsafe("export", self.study, "--format", "csv")
        self.assertNotEqual(export.code, 0, "an export does not hide that rows are missing")

    def test_a_file_that_is_gone(self):
        self.run_study()
        self.largest(".sst").unlink()
        self.assertFound()


if __name__ == "__main__":
    harness.main()
