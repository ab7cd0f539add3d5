#!/usr/bin/env python3
"""A provider that misbehaves: every trial ends in its right class, and good answers are never lost."""
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Study, Truth, unit

# In the order of the simulator's table, in which the shares are drawn.
MIXED = {"rate_limited": 0.03, "server_error": 0.03, "unavailable": 0.02, "overloaded": 0.02, "reset": 0.03,
         "truncated": 0.03, "malformed": 0.02}


def fault(seed, digest, attempt, shares):
    u, reached = unit(seed, "fault", digest, str(attempt)), 0.0
    for name, share in shares.items():
        reached += share
        if u < reached:
            return name
    return None


class Faults(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", "--latency-ms", 1)

    def run_study(self, *args, timeout=60):
        return self.box.clinsafe("run", self.study, "--workers", 2, "--slots", 16, "--simulator", self.sim.url, "--json",
                                 *args, timeout=timeout)

    def rows(self):
        done = self.box.clinsafe("export", self.study, "--format", "jsonl")
        self.assertExit(done)
        return harness.rows_jsonl(done.out)

    def edit(self, old, new):
        text = self.study.read_text()
        self.assertIn(old, text)
        self.study.write_text(text.replace(old, new, 1))

    @harness.short
    def test_mixed_faults_are_retried_until_the_answer(self):
        self.sim.control(faults=MIXED)
        self.assertExit(self.run_study())
        truth = Truth(self.study.parent / "truth.yaml")
        rows = {r["digest"]: r for r in self.rows()}
        seen = set()
        for trial in Study(self.study).trials():
            row, met = rows[trial.digest], []
            while (name := fault(truth.seed, trial.digest, len(met) + 1, MIXED)) is not None:
                met.append(name)
            seen |= set(met)
            self.assertEqual(row["state"], "done")
            self.assertEqual(row["outcome"], truth.outcome(trial)[0])
            self.assertEqual(row["attempts"], len(met) + 1, met)
            self.assertEqual(row["ambiguous"], met.count("reset"), met)
        self.assertEqual(seen, set(MIXED), "every kind was met")
        self.assertEqual(self.sim.stats()["faults"]["reset"], sum(r["ambiguous"] for r in rows.values()))
        self.assertExit(self.box.clinsafe("verify", self.study))

    def test_trials_that_always_fail(self):
        """Failures are kept with their reason, are not answers, and are not asked again by themselves."""
        share = 0.2
        truth = Truth(self.study.parent / "truth.yaml")
        for name, outcome in (("server_error", "provider_error"), ("reset", "transport")):
            with self.subTest(fault=name):
                self.sim.control(always={name: share}, reset_stats=True)
                where = ["--dir", self.box.dir / f"{name}.clinsafe"]
                done = self.run_study("--cases", 1, *where, timeout=100)
                self.assertExit(done, 2)
                self.assertIn("failed", done.err)
                rows = harness.rows_jsonl(self.box.clinsafe("export", self.study, *where, "--format", "jsonl").out)
                bad = {r["digest"] for r in rows if unit(truth.seed, "always", r["digest"]) < share}
                self.assertGreater(len(bad), 3)
                summary = json.loads(done.out)
                self.assertEqual((summary["done"], summary["failed"]), (42 - len(bad), len(bad)))
                failed = [r for r in rows if r["state"] == "failed"]
                self.assertEqual({r["digest"] for r in failed}, bad)
                self.assertEqual({r["outcome"] for r in failed}, {outcome})
                self.assertEqual({r["attempts"] for r in failed}, {6})
                self.assertFalse(any(v for r in failed for k, v in r.items() if k.startswith("answer.")))
                asked = self.sim.stats()["requests"]
                self.assertEqual(asked, 42 + 5 * len(bad))
                self.assertExit(self.run_study("--cases", 1, *where), 2)
                self.assertEqual(self.sim.stats()["requests"], asked)

                self.sim.control(always={}, reset_stats=True)
                done = self.run_study("--cases", 1, "--retry", *where)
                self.assertExit(done)
                self.assertEqual(json.loads(done.out)["done"], 42)
                self.assertEqual(self.sim.stats()["requests"], len(bad))
                rows = harness.rows_jsonl(self.box.clinsafe("export", self.study, *where, "--format", "jsonl").out)
                self.assertEqual({r["state"] for r in rows}, {"done"})
                checked = json.loads(self.box.clinsafe("verify", *where, "--json").out)
                self.assertEqual((checked["done"], checked["faults"], checked["clean"]), (42, 0, True))

    @harness.short
    def test_quota_used_up_stops_the_lane_and_no_trial_fails(self):
        self.sim.control(faults={"quota": 1})
        done = self.run_study()
        self.assertExit(done, 2)
        self.assertIn("stopped", done.err)
        summary = json.loads(done.out)
        self.assertEqual((summary["done"], summary["failed"]), (0, 0))
        self.assertEqual({lane["state"] for lane in summary["lanes"]}, {"stopped"})

        self.sim.control(faults={}, reset_stats=True)
        done = self.run_study()
        self.assertExit(done)
        self.assertEqual(json.loads(done.out)["done"], 252)
        self.assertEqual(self.sim.stats()["requests"], 252)

    @harness.short
    def test_timeout_is_an_answer_class_and_is_not_asked_again(self):
        self.edit("timeout_s: 30", "timeout_s: 1")
        self.sim.control(faults={"hang": 1})
        done = self.run_study("--cases", 1)
        self.assertExit(done, 2)  # all is done, and nothing of it can be used
        self.assertRegex(done.err, r"model-a: 21 of 21 trials \(100\.0 %\) .*: 21 timeout\n")
        self.assertRegex(done.err, r"timeout: `\S*clinsafe run .* --retry-timeouts` asks the timeouts again\n")
        rows = self.rows()
        self.assertEqual({(r["state"], r["outcome"], r["attempts"], r["ambiguous"]) for r in rows},
                         {("done", "timeout", 1, 1)})
        self.assertEqual(self.sim.stats()["requests"], 42)

    @harness.short
    def test_slow_answers_arrive_whole(self):
        self.sim.control(faults={"drip": 1}, drip_ms=1500)
        self.assertExit(self.run_study("--cases", 2))
        truth = Truth(self.study.parent / "truth.yaml")
        wanted = {t.digest: truth.outcome(t)[0] for t in Study(self.study).trials()}
        rows = self.rows()
        self.assertEqual(len(rows), 84)
        for row in rows:
            self.assertEqual(row["outcome"], wanted[row["digest"]])
            self.assertGreater(row["latency_ms"], 1000)

    def test_rate_limits_are_waited_for(self):
        self.sim.control(limits={"rpm": 1200, "burst_requests": 20, "empty": True})
        done = self.run_study(timeout=100)
        self.assertExit(done)
        rows = self.rows()
        self.assertEqual(len(rows), 252)
        self.assertEqual({r["state"] for r in rows}, {"done"})
        self.assertEqual(self.sim.stats()["paid_again"], 0)


if __name__ == "__main__":
    harness.main()
