#!/usr/bin/env python3
"""One coordinator, one store, several studies: each has its own generations, words of the operator, budget, export and verdict of `verify`."""
import re
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import local_fleet
from expected import Study, Truth

TRIALS = 252


@harness.short
class Many(local_fleet.TestCase):
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
        return {s["study"]: s for s in done.json()["studies"]}

    def progress(self, name):
        done = self.box.clinsafe("status", name, "--redis", self.redis, "--json")
        return done.json() if done.code == 0 else {}

    def wait(self, name, code=0):
        done = self.operator("wait", name, "--for", 60, timeout=70)
        self.assertExit(done, code)
        return done.out

    def times(self, name, column):
        rows = harness.rows_jsonl(harness.must(self.box.clinsafe("export", "--store", self.store, "--study", name, "--format", "jsonl")).out)
        return [r[column] for r in rows]

    def assertOutputs(self, study, name):
        truth = Truth(study.parent / "truth.yaml")
        done = self.box.clinsafe("export", "--store", self.store, "--study", name, "--format", "jsonl")
        self.assertExit(done)
        rows = harness.rows_jsonl(done.out)
        self.assertEqual({r["study"] for r in rows}, {name})
        self.assertEqual({r["digest"]: r["outcome"] for r in rows}, {t.digest: truth.outcome(t)[0] for t in Study(study).trials()})
        self.assertExit(self.box.clinsafe("verify", "--store", self.store, "--study", name))

    def test_two_studies_share_a_fleet_and_a_store(self):
        a, b = self.small("alpha"), self.small("beta", **{"margin: 5 points": "margin: 4 points"})
        self.start_worker("w1")
        self.start_worker("w2")
        self.sim.control(latency={"median_ms": 1000})  # neither ends before both were seen
        self.assertIn("alpha: generation 1 started", self.submit(a))
        self.assertIn("beta: generation 2 started", self.submit(b, "--weight", 3))
        harness.wait_for(lambda: 0 < self.list()["beta"]["done"] < TRIALS and self.list()["alpha"]["done"] < TRIALS,
                         what="both to run side by side")
        self.sim.control(latency={"median_ms": self.LATENCY_MS})
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
        for name in ("alpha", "beta"):
            report = self.box.clinsafe("report", "--store", self.store, "--study", name, "--json")
            self.assertExit(report)
            said = report.json()
            self.assertEqual((said["declared"], len(said["generations"])), ("The analysis is unchanged since the first output.", 1))
        for words in (["export"], ["verify"], ["report"]):
            which = self.box.clinsafe(*words, "--store", self.store)
            self.assertExit(which, harness.EXIT_USAGE)
            self.assertOneLine(which.err, "alpha, beta")
        self.assertExit(self.box.clinsafe("export", "--store", self.store, "--study", "gamma"), harness.EXIT_MISSING)

    def test_who_pauses_is_quoted_while_it_lasts(self):
        """With the reason and since when: over a restart and an edit, until somebody resumes."""
        def held(model="model-a", name="alpha"):
            lane = next((x for x in self.progress(name).get("lanes", []) if x["model"] == model), {})
            return tuple(lane.get(k) for k in ("state", "held", "held_since_wall_ms", "reason"))

        a = self.small("alpha")
        self.submit(a)
        before = int(time.time() * 1000)
        self.assertExit(self.operator("pause", "--study", "alpha", "--reason", "the ward has a new disk"))
        after = int(time.time() * 1000)
        state, how, since, reason = harness.wait_for(lambda: (now := held())[1] == "hand" and now, what="the pause in status")
        self.assertEqual((state, reason), ("paused", "the ward has a new disk"))
        self.assertTrue(before <= since <= after, (before, since, after))
        text = self.box.clinsafe("status", "alpha", "--redis", self.redis).out
        for model in ("model-a", "model-b"):
            self.assertRegex(text, rf"(?m)^{model} .*  paused by hand since .*\(.*\): the ward has a new disk$")
        wall = self.box.start("clinsafe", "status", "--redis", self.redis, "--watch", "--every", 1, env={"COLUMNS": "250"})
        harness.wait_for(lambda: re.search(r"model-a paused by hand since [^;]*: the ward has a new disk; model-b paused by hand", wall.printed()),
                         what="the words on the wall", process=wall)
        wall.kill()
        was = state, how, since, reason
        self.coordinator.kill()
        self.coordinator.wait()
        self.redis_cli("FLUSHALL")
        self.start_coordinator()
        self.assertEqual(harness.wait_for(lambda: (now := held())[0] and now, what="what a new coordinator says"), was)
        self.assertExit(self.operator("pause", "model-a", "--study", "alpha", "--reason", "and no power"))
        harness.wait_for(lambda: held() == (*was[:3], "and no power"), what="the newer words, the older moment")
        a.write_text(a.read_text().replace("title: A small", "title: Another small"))
        self.submit(a)
        harness.wait_for(lambda: self.progress("alpha").get("gen") == 2 and held("model-b") == was, what="the same in its edit")
        self.assertExit(self.operator("resume", "model-a", "--study", "alpha"))
        harness.wait_for(lambda: held() == ("open", "", 0, ""), what="the lane to be open")
        self.assertExit(self.operator("pause", "model-a", "--study", "alpha"))
        state, how, since, reason = harness.wait_for(lambda: (now := held())[1] == "hand" and now, what="a pause without a reason")
        self.assertEqual((state, reason, since > was[2]), ("paused", "", True))
        self.assertExit(self.operator("cancel", "--study", "alpha"))
        harness.wait_for(lambda: held()[:3] == ("cancelled", "", 0), what="the end of it")

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
        self.assertIn("cancelled", self.wait("beta", 2))
        self.assertEqual(self.list()["alpha"]["done"], 0, "another study's edit undoes no pause")
        a.write_text(a.read_text().replace("title: A small", "title: Another small"))
        self.submit(a)
        time.sleep(0.5)
        harness.wait_for(lambda: self.list()["alpha"]["state"] != "building", what="the edit")
        self.assertEqual((self.list()["alpha"]["state"], self.list()["alpha"]["done"]), ("paused", 0), "nor does its own")
        self.assertExit(self.operator("resume", "--study", "alpha"))
        self.assertExit(self.operator("resume", "model-b", "--study", "beta"))
        self.wait("alpha")
        self.wait("beta")
        self.assertOutputs(a, "alpha")
        self.assertOutputs(b, "beta")

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
        self.wait("beta")
        self.assertGreaterEqual(min(self.times("beta", "started")), max(self.times("alpha", "committed")))
        self.assertOutputs(b, "beta")

    def test_a_renamed_study_is_not_run_over_the_old_one(self):
        study = self.box.copy("small")
        run = ("run", study, "--simulator", self.sim.url, "--cases", 1, "--workers", 1)
        self.assertExit(self.box.clinsafe(*run))
        study.write_text(study.read_text().replace("study: small", "study: renamed"))
        refused = self.box.clinsafe(*run)
        self.assertExit(refused, harness.EXIT_INVALID)
        self.assertIn('belongs to the study "small", not to "renamed"', refused.err)

    def test_a_lock_that_is_about_to_be_free_is_waited_for(self):
        late = self.box.start("clinsafe-coordinator", "--dir", self.store, "--bind", self.where["work"] + "2", "--admin",
                              self.where["admin"] + "2", "--ready-file", self.box.dir / "ready2")
        time.sleep(0.5)
        self.coordinator.kill()
        harness.wait_for((self.box.dir / "ready2").exists, what="the second coordinator", process=late)

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
        # Redis holds nothing that cannot be made again, of studies that have ended too.
        self.coordinator.kill()
        self.coordinator.wait()
        self.redis_cli("FLUSHALL")
        self.start_coordinator()
        harness.wait_for(lambda: [self.progress(name).get("done") for name in studies] == [TRIALS] * 2, what="both in Redis again", timeout=20)

    def test_weights_share_a_quota(self):
        """1, 2 and 4 sevenths of what the provider grants in a minute, over two workers."""
        weights = {"one": 1, "two": 2, "four": 4}
        for name, weight in weights.items():
            study = self.small(name)
            providers = study.parent / "providers.yaml"
            providers.write_text(providers.read_text().replace("account: simulated, model: a-2026", "account: simulated, limits: "
                                                               "{requests_per_minute: 6000}, model: a-2026"))
            study.write_text(study.read_text().replace("repeats: 3\n", "repeats: 60\n").replace("[model-a, model-b]", "[model-a]"))
            self.submit(study, "--weight", weight)
        self.start_worker("w1", slots=48)
        self.start_worker("w2", slots=48)
        done = lambda: {name: s["done"] for name, s in self.list().items()}
        begun = harness.wait_for(lambda: min((d := done()).values()) > 20 and d, what="answers of all three", process=self.coordinator)
        now = harness.wait_for(lambda: sum((d := done()).values()) > sum(begun.values()) + 700 and d, what="700 answers more")
        got = {name: now[name] - begun[name] for name in weights}
        for name, weight in weights.items():
            self.assertAlmostEqual(got[name] / sum(got.values()), weight / 7, delta=0.05 * weight / 7, msg=got)

    def test_a_pilot_beside_a_sweep(self):
        """A small study is answered at once, although another one fills all slots for long."""
        sweep, pilot = self.small("sweep"), self.small("pilot")
        sweep.write_text(sweep.read_text().replace("repeats: 3\n", "repeats: 60\n"))
        self.submit(sweep)
        self.start_worker("w1")
        harness.wait_for(lambda: self.list()["sweep"]["done"] > 50, what="the sweep to run")
        self.submit(pilot)
        self.wait("pilot")
        self.assertEqual(self.list()["sweep"]["state"], "running")


if __name__ == "__main__":
    harness.main()
