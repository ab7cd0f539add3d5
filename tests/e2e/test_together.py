#!/usr/bin/env python3
"""`clinsafe run` of several files: one fleet, one directory, each study with its own answers; the same command continues all."""
import json
import signal
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Study, Truth

TRIALS = 252


@harness.short
class Together(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.sim = self.box.simulator("--truth", self.box.copy("small", "truth").parent / "truth.yaml", "--latency-ms", 30)
        self.a, self.b = self.named("alpha"), self.named("beta")
        self.run_words = ("run", self.a, self.b, "--workers", 2, "--slots", 6, "--simulator", self.sim.url)
        self.where = self.a.with_suffix(".clinsafe")

    def named(self, name):
        study = self.box.copy("small", name)
        study.write_text(study.read_text().replace("study: small", f"study: {name}", 1))
        return study

    def rows(self, name):
        done = self.box.clinsafe("export", "--dir", self.where, "--study", name, "--format", "jsonl")
        self.assertExit(done)
        return harness.rows_jsonl(done.out)

    def assertComplete(self):
        for study, name in ((self.a, "alpha"), (self.b, "beta")):
            truth = Truth(study.parent / "truth.yaml")
            self.assertEqual({r["digest"]: r["outcome"] for r in self.rows(name)},
                             {t.digest: truth.outcome(t)[0] for t in Study(study).trials()})
            self.assertExit(self.box.clinsafe("verify", study, "--dir", self.where))  # the file says which study of the store
        self.assertEqual(self.sim.stats()["requests"], 2 * TRIALS)

    def test_interrupted_and_continued(self):
        self.sim.control(latency={"median_ms": 300})  # so that it is not over before it is interrupted
        run = self.box.start("clinsafe", *self.run_words)
        harness.wait_for(lambda: self.sim.stats()["answered"] > 60, what="answers", process=run)
        run.signal(signal.SIGINT)
        done = run.wait()
        self.assertExit(done, harness.EXIT_INTERRUPTED)
        self.assertIn(f" run {self.a} {self.b} ", done.err)
        self.assertIn(str(self.where), done.err)
        got = {name: len(self.rows(name)) for name in ("alpha", "beta")}
        self.assertAlmostEqual(got["alpha"] / sum(got.values()), 0.5, delta=0.2, msg=f"shares: {got}")
        alone = self.box.clinsafe("run", self.a, "--simulator", self.sim.url)
        self.assertExit(alone, harness.EXIT_INVALID)
        self.assertIn('holds the study "beta" too, which is not over', alone.err)
        self.sim.control(latency={"median_ms": 30})
        done = self.box.clinsafe(*self.run_words)
        self.assertExit(done)
        for name in ("alpha", "beta"):  # of the screen's blocks
            self.assertRegex(done.err, rf"(?m)^{name} +(running|finished) +\d+\.\d %")
        for name in ("alpha", "beta"):
            self.assertIn(f" export --dir {self.where} --study {name} --format csv --out {name}.csv", done.out)
        self.assertIn(f"Everything is kept in {self.where}", done.out)
        self.assertFalse(self.b.with_suffix(".clinsafe").exists())
        self.assertComplete()

    def test_json_and_one_of_them_alone_when_both_are_over(self):
        done = self.box.clinsafe(*self.run_words, "--json")
        self.assertExit(done)
        self.assertEqual([(p["study"], p["state"], p["done"]) for p in done.json()["studies"]],
                         [("alpha", "finished", TRIALS), ("beta", "finished", TRIALS)])
        self.assertComplete()
        self.assertExit(self.box.clinsafe("run", self.a, "--simulator", self.sim.url))
        self.assertEqual(self.sim.stats()["requests"], 2 * TRIALS)

    def test_the_worst_is_the_exit_status(self):
        self.sim.control(latency={"median_ms": 300})  # so that there is something left to cancel
        run = self.box.start("clinsafe", *self.run_words)
        harness.wait_for(lambda: self.sim.stats()["answered"] > 20, what="answers", process=run)
        self.assertExit(self.box.clinsafe("cancel", "model-b", "--dir", self.where, "--study", "beta"))
        self.sim.control(latency={"median_ms": 30})
        done = run.wait()
        self.assertExit(done, 2)
        self.assertEqual(len(self.rows("alpha")), TRIALS)

    def test_studies_of_one_folder_and_one_simulator(self):
        beside = self.a.with_name("beside.yaml")
        beside.write_text(self.a.read_text().replace("study: alpha", "study: beside"))
        done = self.box.clinsafe("run", self.a, beside, "--dir", self.box.dir / "kept", "--cases", 1, "--workers", 1, "--json")
        self.assertExit(done)
        self.assertEqual([(p["study"], p["done"]) for p in done.json()["studies"]], [("alpha", 42), ("beside", 42)])
        self.assertTrue((self.box.dir / "kept").is_dir())

    def test_what_cannot_run_together_is_said(self):
        twice = self.box.clinsafe("run", self.a, self.a)
        self.assertExit(twice, harness.EXIT_USAGE)
        self.assertIn('are both the study "alpha"', twice.err)
        self.assertExit(self.box.clinsafe("run", self.a, "--cases", 1, "--workers", 1, "--simulator", self.sim.url))
        others = self.box.clinsafe("run", self.b, self.named("gamma"), "--dir", self.where, "--simulator", self.sim.url)
        self.assertExit(others, harness.EXIT_INVALID)
        self.assertIn('holds the study "alpha" too, and none of these files is it', others.err)


if __name__ == "__main__":
    harness.main()
