#!/usr/bin/env python3
"""The shipped study whose answers are turned into QALYs by a table: what was planted is found in its unit, and another rule costs nothing."""
import collections
import math
import csv
import shutil
import statistics
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness


@harness.short
class Worth(harness.TestCase):
    @classmethod
    def prepare(cls):
        box = cls.shared()
        cls.folder = box.dir / "worth"
        shutil.copytree(harness.TOP / "ops" / "studies" / "worth", cls.folder)
        cls.study = cls.folder / "study.yaml"
        harness.must(box.clinsafe("run", cls.study, "--workers", 1, timeout=120))
        cls.report = harness.must(box.clinsafe("report", cls.study, "--json")).json()
        cls.rows = harness.rows_csv(harness.must(box.clinsafe("export", cls.study, "--format", "csv")).out)

    def contrast(self, outcome, level):
        found = [c for c in self.report["contrasts"] if (c["outcome"], c["level"], c["against"]) == (outcome, level, "control")]
        self.assertEqual(len(found), 1)
        return found[0]

    def test_the_planted_loss_is_found_in_qalys(self):
        with open(self.folder / "values.csv", newline="") as f:
            values = {(r["case_id"], r["plan"]): float(r["qaly"]) for r in csv.DictReader(f)}
        means = collections.defaultdict(list)
        for row in self.rows:
            means[row["case_id"], row["factor.group"]].append(values[row["case_id"], row["answer.plan"]])
        d = [statistics.fmean(means[case, "uninsured"]) - statistics.fmean(means[case, "control"])
             for case in sorted({r["case_id"] for r in self.rows})]
        found = self.contrast("qaly", "uninsured")
        self.assertEqual(found["unit"], "units")
        self.assertAlmostEqual(found["shift"], statistics.fmean(d), 10)
        self.assertIn("different", found["verdict"])
        other = self.contrast("qaly", "private_insurance")
        self.assertNotIn("different", other["verdict"])

    def test_spread_and_majority(self):
        """SD of the answers to one prompt by arm; the shift that a majority of five has, over all choices of five of the twenty."""
        said = collections.defaultdict(list)
        for row in self.rows:
            said[row["case_id"], row["factor.group"]].append((float(row["derived.qaly"]), row["derived.sent_away"] == "true"))
        cases = sorted({r["case_id"] for r in self.rows})
        rows = {(s["outcome"], s["level"]): s for s in self.report["spread"]}
        for level in ("uninsured", "private_insurance"):
            for outcome, at in (("qaly", 0), ("sent_away", 1)):
                sd = [math.sqrt(statistics.fmean(statistics.variance([float(v[at]) for v in said[c, arm]]) for c in cases))
                      * (100 if at else 1) for arm in (level, "control")]
                row = rows[outcome, level]
                self.assertAlmostEqual(row["spread_level"], sd[0], 8)
                self.assertAlmostEqual(row["spread_comparator"], sd[1], 8)
                self.assertAlmostEqual(row["variance_difference"], sd[0] ** 2 - sd[1] ** 2, 6)

            def majority(case, arm):
                yes, n = sum(v for _, v in said[case, arm]), len(said[case, arm])
                return sum(math.comb(yes, j) * math.comb(n - yes, 5 - j) for j in (3, 4, 5)) / math.comb(n, 5)

            row = rows["sent_away", level]
            d = [100 * (majority(c, level) - majority(c, "control")) for c in cases]
            self.assertEqual((row["majority"], row["decided_clusters"]), (5, 12))
            self.assertAlmostEqual(row["decided_shift"], statistics.fmean(d), 8)
            half = 2.2009851600829494 * statistics.stdev(d) / math.sqrt(len(d))  # t, 11 degrees of freedom
            self.assertAlmostEqual(row["decided_ci"][1] - row["decided_ci"][0], 2 * half, 6)
            self.assertEqual((rows["qaly", level]["decided_shift"], rows["qaly", level]["why"]), (None, "numbers have no majority"))

    def test_both_levels_at_once(self):
        """Hotelling's T2 of two columns, by hand."""
        means = collections.defaultdict(list)
        for row in self.rows:
            means[row["case_id"], row["factor.group"]].append(float(row["derived.qaly"]))
        cases = sorted({r["case_id"] for r in self.rows})
        x, y = ([statistics.fmean(means[c, level]) - statistics.fmean(means[c, "control"]) for c in cases]
                for level in ("uninsured", "private_insurance"))
        n, a, b, ab = len(cases), statistics.variance(x), statistics.variance(y), statistics.covariance(x, y)
        u, v = statistics.fmean(x), statistics.fmean(y)
        t2 = n * (u * u * b - 2 * u * v * ab + v * v * a) / (a * b - ab * ab)
        found, = [o for o in self.report["omnibus"] if o["outcome"] == "qaly"]
        self.assertEqual((found["levels"], found["clusters"], found["df1"], found["df2"]), (2, n, 2, n - 2))
        self.assertAlmostEqual(found["statistic"], t2, 8)
        self.assertAlmostEqual(found["f"], (n - 2) * t2 / (2 * (n - 1)), 8)

    def test_the_protocol_says_how_answers_are_derived(self):
        said = harness.must(self.shared().clinsafe("protocol", self.study)).out
        self.assertIn("- **Derived** from the answers: looked up in a table of 36 rows by case.case_id and plan.", said)
        self.assertIn('- **Derived** from the answers: plan is "home", and plan is not case.right_plan.', said)
        self.assertTrue(any("note_length (derived: the characters of note)" in str(p) for p in self.report["provenance"]))

    def test_small_units_are_shown_with_their_digits(self):
        said = harness.must(self.shared().clinsafe("report", self.study, "--out", self.folder / "report.html")).out
        found = self.contrast("qaly", "uninsured")
        self.assertIn(f"{found['shift']:+.3f} units", said)

    def test_another_rule_asks_nothing_anew(self):
        text = self.study.read_text()
        self.addCleanup(self.study.write_text, text)
        self.study.write_text(text.replace('"come back"', '"come back", "simulated text"'))
        harness.must(self.shared().clinsafe("run", self.study, "--workers", 1, timeout=120))
        rows = harness.rows_csv(harness.must(self.shared().clinsafe("export", self.study, "--format", "csv")).out)
        self.assertEqual({(r["generation"], r["adopted"], r["derived.safety_net"]) for r in rows}, {("2", "true", "true")})
        self.assertEqual(len(rows), len(self.rows))


if __name__ == "__main__":
    harness.main()
