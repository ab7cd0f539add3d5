#!/usr/bin/env python3
"""A small study run to completion: its outputs are exactly those of an independent computation (expected.py)."""
import collections
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Study, Truth

TRIALS = 6 * (4 * 3 + 9) * 2


@harness.short
class SmallStudy(harness.TestCase):
    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.study = box.copy("small")
        cls.run_ = harness.must(box.clinsafe("run", cls.study, "--workers", 2, "--slots", 8, "--json"))
        cls.jsonl = harness.must(box.clinsafe("export", cls.study, "--format", "jsonl"))
        cls.rows = harness.rows_jsonl(cls.jsonl.out)
        cls.expected = list(Study(cls.study).trials())
        cls.truth = Truth(cls.study.parent / "truth.yaml")

    def test_run_completes_and_says_so(self):
        summary = json.loads(self.run_.out)
        self.assertEqual((summary["planned"], summary["done"], summary["failed"]), (TRIALS, TRIALS, 0))
        self.assertEqual(summary["state"], "finished")
        self.assertEqual([lane["model"] for lane in summary["lanes"]], ["model-a", "model-b"])

    def test_every_planned_trial_has_its_row_and_no_other(self):
        self.assertEqual(len(self.expected), TRIALS)
        wanted = {t.digest: t.coordinates() for t in self.expected}
        found = {r["digest"]: {k: r.get(k) for k in wanted[r["digest"]]} if r["digest"] in wanted else r for r in self.rows}
        self.assertEqual(len(self.rows), TRIALS)
        self.assertEqual(found.keys(), wanted.keys())
        for digest in wanted:
            self.assertEqual(found[digest], wanted[digest])

    def test_answers_are_those_of_the_simulators_formula(self):
        rows = {r["digest"]: r for r in self.rows}
        outcomes = collections.Counter()
        for trial in self.expected:
            row = rows[trial.digest]
            outcome, answers = self.truth.outcome(trial)
            outcomes[outcome] += 1
            fields = {f: row[f"answer.{f}"] for f in trial.question["answer"] if f"answer.{f}" in row}
            self.assertEqual((row["outcome"], fields), (outcome, answers), trial.coordinates())
            if outcome == "ok":
                self.assertEqual(json.loads(row["text"]), answers)
        self.assertGreater(outcomes["refused"], 0, "the truth plants refusals: without one this test proves less")
        self.assertGreater(outcomes["ok"], 200)

    def test_rows_carry_provenance_usage_and_cost(self):
        prices = {"model-a": (0.15, 0.60), "model-b": (1.0, 3.0)}
        for row in self.rows:
            self.assertEqual(row["http_status"], 200)
            self.assertEqual(row["attempts"], 1)
            self.assertEqual(row["model_resolved"], row["model_sent"])
            self.assertEqual(row["account"], "simulated")
            self.assertGreater(row["input_tokens"], 0)
            per_input, per_output = prices[row["model"]]
            cost = (row["input_tokens"] * per_input + row["output_tokens"] * per_output) / 1e6
            self.assertAlmostEqual(float(row["cost_usd"]), cost, places=9)
            self.assertRegex(row["started"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertLessEqual(row["started"], row["committed"])
            self.assertTrue(row["request_id"])
        self.assertEqual(len({r["output_id"] for r in self.rows}), TRIALS)
        self.assertEqual({r["worker"].split(":")[0] for r in self.rows} - {"worker-0", "worker-1"}, set())

    def test_csv_and_jsonl_agree(self):
        done = self.shared().clinsafe("export", self.study, "--format", "csv")
        self.assertExit(done)
        rows = harness.rows_csv(done.out)
        self.assertEqual(len(rows), len(self.rows))
        for row, other in zip(rows, self.rows):
            self.assertEqual([c for c in row if row[c] != ""], list(other), "the same columns in the same order")
            for column, value in other.items():
                if isinstance(value, bool):
                    self.assertEqual(row[column], "true" if value else "false", column)
                elif isinstance(value, (int, float)):
                    self.assertAlmostEqual(float(row[column]), value, places=9, msg=column)
                else:
                    self.assertEqual(row[column], value, column)

    def test_export_to_a_file(self):
        out = self.shared().dir / "outputs.jsonl"
        self.assertExit(self.shared().clinsafe("export", self.study, "--format", "jsonl", "--out", out))
        self.assertEqual(out.read_text(), self.jsonl.out)

    def test_verify_is_clean(self):
        done = self.shared().clinsafe("verify", self.study, "--json")
        self.assertExit(done)
        done.json()

    def test_run_again_has_nothing_to_do(self):
        again = self.shared().clinsafe("run", self.study, "--workers", 1, "--json")
        self.assertExit(again)
        self.assertEqual(json.loads(again.out)["done"], TRIALS)
        after = self.shared().clinsafe("export", self.study, "--format", "jsonl")
        self.assertEqual(after.out, self.jsonl.out)

    def test_nothing_is_left_behind(self):
        left = list(self.shared().runtime.iterdir())
        self.assertEqual(left, [], "sockets stay until the end of a run only")
        for log in (self.study.parent / "study.clinsafe" / "logs").iterdir():
            text = log.read_text(errors="replace")
            self.assertNotIn("lvl=error", text, log.name)
            for word in ("crushing chest pressure", "homelessness", "non-urgent"):
                self.assertNotIn(word, text, f"{log.name}: prompts and outputs are never log values")


if __name__ == "__main__":
    harness.main()
