#!/usr/bin/env python3
"""One coordinator, one store, several studies: each has its own generations, words of the operator, budget, export and verdict of `verify`."""
import json
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Study, Truth

TRIALS = 252


@harness.short
class Many(harness.TestCase):
    LATENCY = 40
    SLOTS = 8

    def setUp(self):
        super().setUp()
        self.sim = self.box.simulator("--truth", self.box.copy("small", "truth").parent / "truth.yaml", "--latency-ms", self.LATENCY)
        self.where = {name: f"ipc://{self.box.runtime}/{name}" for name in ("work", "pub", "admin")}
        self.redis = f"unix:{self.box.runtime}/redis"
        redis = self.box.adopt(harness.Process(["redis-server", "--port", "0", "--unixsocket", self.box.runtime / "redis",
                                                "--save", "", "--dir", self.box.dir]))
        harness.wait_for(lambda: "eady to accept" in redis.printed(), what="Redis", process=redis)
        self.store = self.box.dir / "store"
        self.start_coordinator()

    def start_coordinator(self):
        ready = self.box.dir / "ready"
        ready.unlink(missing_ok=True)
        self.coordinator = self.box.start("clinsafe-coordinator", "--dir", self.store, "--bind", self.where["work"], "--pub",
                                          self.where["pub"], "--admin", self.where["admin"], "--redis", self.redis, "--ready-file", ready)
        harness.wait_for(ready.exists, what="the coordinator", process=self.coordinator)

    def start_worker(self, name="w"):
        return self.box.start("clinsafe-worker", "--coordinator", self.where["work"], "--announce", self.where["pub"], "--redis",
                              self.redis, "--slots", self.SLOTS, "--simulator", self.sim.url, "--name", name)

    def operator(self, *words, **more):
        return self.box.clinsafe(*words, "--coordinator", self.where["admin"], **more)

    def small(self, name, seed=None, **edits):
        study = self.box.copy("small", name)
        text = study.read_text().replace("study: small", f"study: {name}", 1)
        for old, new in edits.items():
            text = text.replace(old, new)
        study.write_text(text)
        return study

    def submit(self, study, *args):
        done = self.operator("submit", study, *args)
        self.assertExit(done)
        return done.out

    def list(self):
        done = self.operator("list", "--json")
        self.assertExit(done)
        return {s["study"]: s for s in done.json()}

    def progress(self, name):
        done = self.box.clinsafe("status", name, "--redis", self.redis, "--json")
        return done.json() if done.code == 0 else {}

    def wait(self, name, code=0):
        done = self.operator("wait", name, "--for", 60, timeout=70)
        self.assertExit(done, code)
        return done.out

    def assertOutputs(self, study, name):
        truth = Truth(study.parent / "truth.yaml")
        done = self.box.clinsafe("export", "--store", self.store, "--study", name, "--format", "jsonl")
        self.assertExit(done)
        rows = harness.rows_jsonl(done.out)
        self.assertEqual({r["study"] for r in rows}, {name})
        self.assertEqual({r["digest"]: r["outcome"] for r in rows}, {t.digest: truth.outcome(t)[0] for t in Study(study).trials()})
        self.assertExit(self.box.clinsafe("verify", "--store", self.store, "--study", name))

    def test_two_studies_share_a_fleet_and_a_store(self):
        a, b = self.small("alpha"), self.small("beta")
        self.start_worker("w1")
        self.start_worker("w2")
        self.assertIn("alpha: generation 1 started", self.submit(a))
        self.assertIn("beta: generation 2 started", self.submit(b, "--weight", 3))
        harness.wait_for(lambda: 0 < self.list()["beta"]["done"] < TRIALS and self.list()["alpha"]["done"] < TRIALS,
                         what="both to run side by side")
        self.wait("alpha")
        self.wait("beta")
        listed = self.list()
        self.assertEqual([(s["state"], s["done"], s["weight"]) for s in listed.values()],
                         [("finished", TRIALS, 1), ("finished", TRIALS, 3)])
        self.assertOutputs(a, "alpha")
        self.assertOutputs(b, "beta")
        self.assertEqual(self.sim.stats()["requests"], 2 * TRIALS, "equal requests of two studies are two draws")
        harness.wait_for(lambda: self.progress("alpha").get("done") == TRIALS == self.progress("beta").get("done"),
                         what="progress of both in Redis")
        for words in (["export"], ["verify"], ["report"]):
            which = self.box.clinsafe(*words, "--store", self.store)
            self.assertExit(which, harness.EXIT_USAGE)
            self.assertOneLine(which.err, "alpha, beta")
        self.assertExit(self.box.clinsafe("export", "--store", self.store, "--study", "gamma"), harness.EXIT_MISSING)

    def test_pause_cancel_and_edit_are_of_one_study(self):
        a, b = self.small("alpha"), self.small("beta")
        self.submit(a)
        self.submit(b)
        which = self.operator("pause")
        self.assertExit(which, harness.EXIT_USAGE)
        self.assertOneLine(which.err, "alpha, beta")
        self.assertExit(self.operator("pause", "--study", "alpha"))
        self.assertExit(self.operator("cancel", "model-b", "--study", "beta"))
        self.start_worker()
        self.assertIn("126 cancelled", self.wait("beta", 2))
        self.assertEqual((self.list()["alpha"]["state"], self.list()["alpha"]["done"]), ("paused", 0))
        b.write_text(b.read_text().replace("repeats: 3\n", "repeats: 4\n"))
        self.assertIn("beta: generation 3 started", self.submit(b))
        self.assertEqual(self.list()["alpha"]["done"], 0, "another study's edit undoes no pause")
        self.assertExit(self.operator("resume", "--study", "alpha"))
        self.wait("alpha")
        self.assertOutputs(a, "alpha")

    def test_a_study_waits_for_another(self):
        a, b = self.small("alpha"), self.small("beta")
        refused = self.operator("submit", b, "--after", "alpha")
        self.assertExit(refused, harness.EXIT_MISSING)
        self.assertOneLine(refused.err, "alpha")
        self.submit(a)
        self.submit(b, "--after", "alpha")
        self.assertEqual((self.list()["beta"]["state"], self.list()["beta"]["after"]), ("queued", "alpha"))
        self.coordinator.kill()
        self.coordinator.wait()
        self.start_coordinator()
        self.assertEqual((self.list()["beta"]["state"], self.list()["beta"]["after"]), ("queued", "alpha"))
        self.start_worker()
        self.wait("alpha")
        self.assertLess(self.list()["beta"]["done"], TRIALS)
        self.wait("beta")
        self.assertOutputs(b, "beta")

    def test_killed_in_the_middle_of_two(self):
        studies = {name: self.small(name) for name in ("alpha", "beta")}
        self.assertIn("beta", self.submit(studies["alpha"], studies["beta"]))
        self.start_worker("w1")
        self.start_worker("w2")
        harness.wait_for(lambda: self.sim.stats()["answered"] > 100, what="answers", process=self.coordinator)
        self.coordinator.kill()
        self.coordinator.wait()
        self.start_coordinator()
        for name, study in studies.items():
            self.wait(name)
            self.assertOutputs(study, name)
        self.assertEqual(self.sim.stats()["requests"], 2 * TRIALS)


if __name__ == "__main__":
    harness.main()
