#!/usr/bin/env python3
"""The cases that moved most: chosen by one half of the repeats, shown with the other; computed here from the export."""
import csv
import statistics
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from test_report_odd import Lab

SHIFTED = """{visit: {boolean: ["Yes", "No"], base: 0.5, case_sd: 1, shift: {a: 3}},
    urgency: {ordinal: [low, middle, high], base: [0.3, 0.4, 0.3], shift: {a: -2.5}}}"""
WORDS = ("low", "middle", "high")


@harness.short
class Moved(Lab):
    def rows(self):
        table = self.box.dir / "outputs.csv"
        harness.must(self.box.clinsafe("export", self.study, "--out", table))
        with open(table, encoding="utf-8", newline="") as f:
            return list(csv.DictReader(f))

    def test_chosen_by_one_half_and_shown_by_the_other(self):
        report = self.run_study(cases=20, repeats=6, planted=SHIFTED)
        rows = self.rows()

        def shift(case, outcome, half):
            value = (lambda r: 100 * (r["answer.visit"] == "Yes")) if outcome == "visit" else (lambda r: WORDS.index(r["answer.urgency"]))
            side = {level: statistics.fmean(value(r) for r in rows if r["case_id"] == case and r["factor.group"] == level and
                                            int(r["repeat"]) % 2 == half) for level in ("a", "plain")}
            return side["a"] - side["plain"]
        cases = sorted({r["case_id"] for r in rows})
        for outcome in ("visit", "urgency"):
            mine = sorted(cases, key=lambda c: (-abs(shift(c, outcome, 1)), c))[:5]
            mine.sort(key=lambda c: (shift(c, outcome, 1) >= 0, -abs(shift(c, outcome, 1)), c))
            found = [m for m in report["moved"] if (m["outcome"], m["level"]) == (outcome, "a")]
            self.assertEqual([m["case_id"] for m in found], mine)
            for m in found:
                self.assertAlmostEqual(m["shift_that_chose"], shift(m["case_id"], outcome, 1), 6)
                self.assertAlmostEqual(m["shift_of_the_other_half"], shift(m["case_id"], outcome, 0), 6)
                self.assertEqual(m["down"], m["shift_that_chose"] < 0)
                said = {r["factor.group"]: r["text"] for r in rows if (r["case_id"], r["repeat"]) == (m["case_id"], "2")}
                self.assertEqual((m["reply_level"], m["reply_comparator"]), (said["a"], said["plain"]))
                self.assertIn("Note A is filed.", m["prompt_level"])
                self.assertEqual(m["prompt_level"].replace("Note A is filed. ", ""), m["prompt_comparator"])
        self.assertIn("<h2 id=\"moved", self.page.replace("<h2 id='moved", "<h2 id=\"moved"))
        self.assertIn("Note A is filed.", self.page)

        # from a table: the same figures, no texts
        table = self.box.dir / "outputs.csv"
        other = self.box.clinsafe("report", self.study, "--from", table, "--json").json()["moved"]
        self.assertEqual([(m["case_id"], m["shift_of_the_other_half"]) for m in other],
                         [(m["case_id"], m["shift_of_the_other_half"]) for m in report["moved"]])
        self.assertEqual({m["reply_level"] for m in other}, {""})

    def test_fresh_draws_for_the_cases_that_moved(self):
        report = self.run_study(cases=20, repeats=6, planted=SHIFTED)
        moved = list(dict.fromkeys(m["case_id"] for m in report["moved"]))
        follow = self.study.with_name("study-confirm.yaml")
        done = self.box.clinsafe("report", self.study, "--confirm", 3)
        self.assertExit(done)
        self.assertIn(f"{len(moved)} cases that moved most, 3 fresh draws of each prompt", done.err)
        self.assertExit(self.box.clinsafe("run", follow))
        self.assertExit(self.box.clinsafe("verify", follow))
        fresh = harness.rows_csv(harness.must(self.box.clinsafe("export", follow)).out)
        self.assertEqual(({r["case_id"] for r in fresh}, {r["repeat"] for r in fresh}, {r["adopted"] for r in fresh}),
                         (set(moved), {"1", "2", "3"}, {"false"}))
        # the answers are new ones to the same requests, and what is kept of the first study stays as it is
        first = {r["digest"]: r["request_id"] for r in self.rows()}
        asked = [r for r in fresh if r["digest"] in first]
        self.assertEqual(len(asked), len(fresh))
        self.assertFalse([r for r in asked if first[r["digest"]] == r["request_id"]])
        shown = self.box.clinsafe("report", follow, "--json").json()
        self.assertEqual(shown["cases"], len(moved))
        again = self.box.clinsafe("report", self.study, "--confirm", 3)
        self.assertExit(again, 73)
        self.assertIn("study-confirm.yaml is there already", again.err)
        self.assertExit(self.box.clinsafe("report", "--from", self.box.dir / "outputs.csv", "--confirm", 3), 64)

    def test_confidential_cases_keep_their_texts_to_themselves(self):
        report = self.run_study(cases=20, repeats=6, planted=SHIFTED, more="cluster: case_id, confidential: true")
        self.assertGreater(len(report["moved"]), 0)
        self.assertEqual({m["prompt_level"] + m["reply_level"] for m in report["moved"]}, {""})
        self.assertIn("The cases are confidential", self.page)
        self.assertNotIn("Patient 0", self.page)

    def test_one_repeat_leaves_nothing_to_check_a_choice_with(self):
        report = self.run_study(cases=20, repeats=1, planted=SHIFTED)
        self.assertEqual(report["moved"], [])
        self.assertIn("nothing is left that could check a choice of cases", self.page)


if __name__ == "__main__":
    harness.main()
