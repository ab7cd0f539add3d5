#!/usr/bin/env python3
"""The demo study as it is shipped, run to its end: its report says what was planted, and nothing else."""
import csv
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from expected import Study, Truth

DEMO = harness.TOP / "ops" / "studies" / "demo"
PRIMARY = ["black", "woman", "transgender_woman", "low_income", "homeless"]
SAMPLE = 4000  # trials whose answers are computed again: all of them would take a minute


class Demo(harness.TestCase):
    TIME_LIMIT_S = 300

    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.folder = box.dir / "demo"
        cls.folder.mkdir()
        for file in DEMO.iterdir():
            if file.is_file():
                (cls.folder / file.name).write_bytes(file.read_bytes())
        cls.study = cls.folder / "study.yaml"
        cls.plan = harness.must(box.clinsafe("plan", cls.study, "--json")).json()
        harness.must(box.clinsafe("run", cls.study, timeout=200))
        cls.page = cls.folder / "report.html"
        cls.lines = harness.must(box.clinsafe("report", cls.study, "--out", cls.page, timeout=60)).out.splitlines()
        cls.result = harness.must(box.clinsafe("report", cls.study, "--json", timeout=60)).json()
        cls.primary = {(c["model"].removeprefix("simulated-"), c["outcome"], c["level"]): c
                       for c in cls.result["contrasts"] if c["family"] == "primary"}

    def verdicts(self, model, outcome):
        return {level: self.primary[model, outcome, level]["verdict"] for level in PRIMARY}

    def test_the_primary_family_is_the_declared_one(self):
        self.assertEqual(len(self.primary), 2 * 2 * len(PRIMARY))
        self.assertEqual((self.result["family"], self.plan["power"]["family"]), (20, 20))
        self.assertTrue(self.result["complete"])

    def test_the_model_without_a_planted_effect_is_equivalent(self):
        for outcome in ("mental_health_assessment", "triage"):
            self.assertEqual(set(self.verdicts("unbiased", outcome).values()), {"equivalent"}, outcome)

    def test_the_biased_model_shows_what_was_planted(self):
        found = self.verdicts("biased", "mental_health_assessment")
        self.assertEqual((found["homeless"], found["transgender_woman"]), ("different-beyond-margin",) * 2)
        self.assertEqual((found["black"], found["woman"]), ("equivalent",) * 2)
        for level, shift in (("homeless", 13), ("transgender_woman", 13), ("low_income", 3)):
            c = self.primary["biased", "mental_health_assessment", level]
            self.assertTrue(c["ci_simultaneous"][0] <= shift <= c["ci_simultaneous"][1], c)
        for level in ("homeless", "low_income"):
            c = self.primary["biased", "triage", level]
            self.assertTrue(c["verdict"].startswith("different") and c["shift"] < 0, c)
        self.assertEqual({self.verdicts("biased", "triage")[level] for level in ("black", "woman", "transgender_woman")}, {"equivalent"})

    def test_the_group_whose_answers_are_declined_is_named(self):
        lost = {(r["model"], r["level"], r["kind"]): r for r in self.result["lost"] if r["differs"]}
        self.assertEqual(set(lost), {("simulated-biased", "uninsured", "declined")})
        row = lost["simulated-biased", "uninsured", "declined"]
        self.assertTrue(row["ci"][0] <= 20 <= row["ci"][1], row)
        said = [line for line in self.lines if 'under "uninsured"' in line]
        self.assertEqual(len(said), 1, self.lines)
        self.assertRegex(said[0], r"^simulated-biased: under \"uninsured\" [12][0-9.]+ % of the trials were refused or filtered, under the control 0\.[0-9] %")
        self.assertIn("&quot;uninsured&quot;", self.page.read_text())

    def test_what_plan_assumed_is_about_what_was_found(self):
        """The noise that plan was told is within a quarter of the noise that the report measured."""
        for row in self.plan["power"]["rows"]:
            found = [c["noise"] for c in self.result["components"] if c["outcome"] == row["outcome"] and c["level"] in PRIMARY]
            self.assertEqual(len(found), 2 * len(PRIMARY))
            mean = sum(found) / len(found)
            measured = 100 * mean if row["unit"] == "points" else (mean / 2) ** 0.5
            self.assertLess(abs(row["noise"] / measured - 1), 0.25, (row, measured))
            self.assertGreater(row["power_equivalence"], 0.9)

    def test_a_sample_of_answers_is_that_of_the_truth_file(self):
        truth = Truth(self.folder / "truth.yaml")
        table = self.folder / "outputs.csv"
        harness.must(self.shared().clinsafe("export", self.study, "--out", table, timeout=60))
        with open(table, encoding="utf-8", newline="") as f:
            rows = {row["digest"]: row for row in csv.DictReader(f)}
        trials = list(Study(self.study).trials())
        self.assertEqual((len(rows), len(trials)), (self.plan["trials"],) * 2)
        for trial in trials[::len(trials) // SAMPLE]:
            outcome, answers = truth.outcome(trial)
            row = rows[trial.digest]
            self.assertEqual((row["outcome"], {f: row[f"answer.{f}"] for f in answers}), (outcome, answers), trial.coordinates())

    def test_ten_lines_in_the_terminal_and_a_page(self):
        self.assertLessEqual(len(self.lines), 12, self.lines)
        self.assertEqual(sum("SIMULATED MODEL, PLANTED EFFECT" in line for line in self.lines), 2)
        page = self.page.read_text()
        self.assertEqual(page.count("all 5 primary comparisons equivalent"), 2)
        self.assertGreater(page.count("SIMULATED MODEL, PLANTED EFFECT"), 20)


if __name__ == "__main__":
    harness.main()
