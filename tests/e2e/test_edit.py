#!/usr/bin/env python3
"""A study that was edited pays for its new trials only, and leaves every answer that it has as it is."""
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Study


@harness.short
class Edited(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        self.truth = self.box.copy("small", "truth")  # the edits below do not change what the simulator knows
        self.sim = self.box.simulator("--truth", self.truth.parent / "truth.yaml", "--latency-ms", 0)
        self.run_study()
        self.before = {r["digest"]: r for r in self.rows()}
        self.paid = self.sim.stats()["requests"]
        self.assertEqual(self.paid, 252)

    def run_study(self):
        done = self.box.clinsafe("run", self.study, "--workers", 2, "--slots", 8, "--simulator", self.sim.url, "--json")
        self.assertExit(done)
        return json.loads(done.out)

    def rows(self):
        done = self.box.clinsafe("export", self.study, "--format", "jsonl")
        self.assertExit(done)
        return harness.rows_jsonl(done.out)

    def replace(self, file, old, new):
        path = self.study.parent / file
        self.assertIn(old, path.read_text())
        path.write_text(path.read_text().replace(old, new, 1))

    def assertPaysFor(self, new_trials):
        """Runs the edited study; it has the old answers, and asked only for what is new."""
        summary = self.run_study()
        wanted = {t.digest for t in Study(self.study).trials()}
        self.assertEqual(len(wanted - self.before.keys()), new_trials, "the test's own arithmetic")
        self.assertEqual(summary["done"], len(wanted))
        rows = {r["digest"]: r for r in self.rows()}
        self.assertEqual(rows.keys(), wanted)
        stats = self.sim.stats()
        self.assertEqual(stats["requests"] - self.paid, new_trials)
        self.assertEqual((stats["paid_again"], stats["digest_body_conflicts"]), (0, 0))
        for digest, row in rows.items():
            self.assertEqual(bool(row["adopted"]), digest in self.before)
            for column in ("output_id", "text", "started", "committed", "request_id") if digest in self.before else ():
                self.assertEqual(row[column], self.before[digest][column], column)
        self.assertExit(self.box.clinsafe("verify", self.study))
        self.assertEqual({r["generation"] for r in rows.values()}, {2})

    def test_added_level(self):
        self.replace("groups.csv", "homeless,housing", "insured,insurance,,The patient has health insurance.\nhomeless,housing")
        self.assertPaysFor(6 * 3 * 2)

    def test_added_model(self):
        self.replace("study.yaml", "[model-a, model-b]", "[model-c, model-a, model-b]")
        self.assertPaysFor(126)

    def test_added_repeat(self):
        self.replace("study.yaml", "repeats: 3\n", "repeats: 4\n")
        self.assertPaysFor(6 * (4 + 3) * 2)

    def test_removed_case_pays_for_nothing_and_its_answers_come_back(self):
        whole = (self.study.parent / "cases.csv").read_text()
        lines = whole.splitlines(keepends=True)
        (self.study.parent / "cases.csv").write_text("".join(lines[:1] + lines[2:]))
        self.assertPaysFor(0)
        (self.study.parent / "cases.csv").write_text(whole)
        self.run_study()
        self.assertEqual(self.sim.stats()["requests"], self.paid)
        self.assertEqual({r["digest"] for r in self.rows()}, set(self.before))

    def test_changed_wording_is_asked_anew(self):
        self.replace("groups.csv", "Check-in is complete.", "Check-in is finished.")
        self.assertPaysFor(6 * 3 * 2)

    def test_analysis_and_title_cost_nothing(self):
        self.replace("study.yaml", "alpha: 0.05", "alpha: 0.01")
        self.replace("study.yaml", "title: A small study", "title: A very small study")
        self.assertPaysFor(0)

    def test_same_text_in_two_arms_is_two_draws(self):
        """The control and the A/A level send the same bytes, and share no answer."""
        stats = self.sim.stats()
        self.assertEqual(stats["unique_digests"], 252)
        self.assertEqual(stats["unique_bodies"], 6 * 4 * 2, "five levels, four texts")
        aa = [r for r in self.before.values() if r["factor.group"] == "control_aa"]
        control = {(r["model"], r["case_id"], r["repeat"]): r for r in self.before.values() if r["factor.group"] == "control"}
        self.assertEqual(len(aa), 6 * 3 * 2)
        for row in aa:
            other = control[row["model"], row["case_id"], row["repeat"]]
            self.assertEqual({row["twin"], other["twin"]}, {0, 1})
            self.assertNotEqual(row["digest"], other["digest"])
            self.assertNotEqual(row["request_id"], other["request_id"])


if __name__ == "__main__":
    harness.main()
